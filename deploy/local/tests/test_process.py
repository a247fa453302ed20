import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import context  # noqa: F401 (makes qpcluster importable)
from qpcluster import process
from qpcluster.process import PidFile

SLEEPER = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
# Says that it will not stop, and does not.
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


class Guard(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.pid_file = PidFile(pathlib.Path(place.name) / "pid")

    def run_one(self, command=SLEEPER):
        """A running child of this test, reaped as soon as it ends, as init does with servers."""
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        reaper = threading.Thread(target=child.wait)

        def clean():
            child.kill()
            reaper.join()
            child.stdout.close()

        child.stdout.readline()
        reaper.start()
        self.addCleanup(clean)
        return child

    def test_no_file_is_no_process(self):
        self.assertIsNone(self.pid_file.pid())
        self.assertFalse(self.pid_file.signal(signal.SIGKILL))

    def test_a_running_process_is_found(self):
        child = self.run_one()
        self.pid_file.write(child.pid)
        self.assertEqual(self.pid_file.pid(), child.pid)
        self.assertGreater(process.rss_bytes(child.pid), 1_000_000)

    def test_a_pid_that_was_given_to_another_process_is_never_signalled(self):
        child = self.run_one()
        earlier = process.start_time(child.pid) - 1
        self.pid_file.path.write_text(json.dumps({"pid": child.pid, "start_time": earlier}))
        self.assertIsNone(self.pid_file.pid())
        self.assertFalse(self.pid_file.signal(signal.SIGKILL))
        self.assertEqual(process.stop_all([self.pid_file]), [])
        self.assertIsNone(child.poll())

    def test_a_process_that_had_ended_before_it_was_written_down(self):
        self.pid_file.path.write_text(json.dumps({"pid": os.getpid(), "start_time": None}))
        self.assertIsNone(self.pid_file.pid())

    def test_a_zombie_counts_as_gone(self):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        self.pid_file.write(child.pid)
        child.stdin.close()
        self.assertTrue(self.pid_file.wait_gone(10))
        self.assertIn("Z", process.stat_fields(child.pid))
        child.wait()

    def test_a_command_with_parentheses_and_spaces(self):
        with tempfile.TemporaryDirectory() as place:
            odd = pathlib.Path(place) / "a) Z 1 (b"
            odd.symlink_to(sys.executable)
            child = self.run_one([str(odd), *SLEEPER[1:]])
            self.pid_file.write(child.pid)
            self.assertEqual(self.pid_file.pid(), child.pid)

    def test_stopping_waits_and_forgets(self):
        self.pid_file.write(self.run_one().pid)
        self.assertEqual(process.stop_all([self.pid_file]), [])
        self.assertIsNone(self.pid_file.pid())
        self.assertFalse(self.pid_file.path.exists())

    def test_a_frozen_process_is_seen_and_can_be_stopped(self):
        child = self.run_one()
        self.pid_file.write(child.pid)
        self.pid_file.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        self.assertTrue(self.pid_file.frozen())
        self.assertEqual(process.stop_all([self.pid_file], seconds=10), [])
        self.assertIsNone(process.start_time(child.pid))

    def test_what_does_not_stop_is_killed(self):
        child = self.run_one(DEAF)
        self.pid_file.write(child.pid)
        self.assertEqual(process.stop_all([self.pid_file], seconds=0.2), [self.pid_file])
        self.assertIsNone(process.start_time(child.pid))


class Undisturbed(unittest.TestCase):
    def test_a_signal_waits_for_the_end_of_the_block(self):
        done = []
        with self.assertRaises(KeyboardInterrupt):
            with process.undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("all of it")
        self.assertEqual(done, ["all of it"])

    def test_the_handlers_come_back(self):
        before = signal.getsignal(signal.SIGINT)
        with process.undisturbed():
            self.assertNotEqual(signal.getsignal(signal.SIGINT), before)
        self.assertEqual(signal.getsignal(signal.SIGINT), before)


if __name__ == "__main__":
    unittest.main()
