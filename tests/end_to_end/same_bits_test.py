"""One job, many crowds, one weights_sha256.

usage: same_bits_test.py RAVEN [TEST...]
"""

import unittest

import harness
from harness import MPIRUN, EndToEnd, Run


class SameBits(EndToEnd):
    def test_alone_for_any_number_of_threads(self):
        for threads in (1, 2, 3):
            with self.subTest(threads=threads):
                run = Run(f"threads-{threads}")
                self.assert_done(run.train("--threads", str(threads)))
                self.assert_same_bits(run)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_under_mpirun_for_any_number_of_ranks(self):
        for ranks in (1, 2, 3, 5, 9):
            with self.subTest(ranks=ranks):
                run = Run(f"ranks-{ranks}")
                self.assert_done(run.train("--set", f"contributors.min={max(1, ranks - 1)}", ranks=ranks))
                self.assert_same_bits(run)
                # The crowd was really there, from the first step to the last.
                crowd = run.summary()["contributors"]
                self.assertGreaterEqual(len(crowd), max(1, ranks - 1))
                self.assertTrue(all(one["here_at_the_end"] for one in crowd))

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_whether_or_not_the_master_computes(self):
        for computes in ("true", "false"):
            with self.subTest(master_computes=computes):
                run = Run(f"master-{computes}")
                crowd = 3 if computes == "true" else 2
                self.assert_done(run.train("--set", f"master_computes={computes}", "--set", f"contributors.min={crowd}", ranks=3))
                self.assert_same_bits(run)
                self.assertEqual(len(run.summary()["contributors"]), crowd)

    def test_a_finished_run_ends_at_once(self):
        run = Run("twice")
        self.assert_done(run.train())
        self.assert_done(run.train())
        self.assert_same_bits(run)
        self.assertEqual(run.summary()["samples"], sum(epoch["train"]["samples"] for epoch in run.summary()["epochs"]))

    def test_another_seed_gives_other_bits(self):
        run = Run("other-seed")
        self.assert_done(run.train("--set", "seed=8"))
        self.assertNotEqual(run.summary()["weights_sha256"], harness.expected_sha256())


if __name__ == "__main__":
    harness.main()
