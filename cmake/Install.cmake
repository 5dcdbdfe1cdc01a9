# installed below
