#include "raven/cli/app.hpp"

int main(int argc, char** argv) { return raven::run_raven(argc, argv); }
