"""Slurm of Debian's packages, on this host only, as a baseline: its configuration, state and logs
in a folder of its own, its ports and its munge socket too; nothing of an installed Slurm is
touched. It needs root, as slurmd does."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from benchmark import END_S, numbers_of
from copies import wait_for
from cpu import all_processes

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "sinfo", "sdiag", "munged")
COMPLETED = re.compile(r"Jobs completed:\s*([0-9]+)")
# What an administrator would set for many short jobs: no accounting, no log of steps, all that is
# submitted is looked at soon.
CONFIG = """ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={d}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=10000,sched_max_job_start=0,max_rpc_cnt=0
MaxJobCount=100000
MaxArraySize=20001
MinJobAge=10
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=60
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=bench Nodes={host} Default=YES MaxTime=60 State=UP OverSubscribe=FORCE:{share}
"""


def missing():
    """Programs of Slurm's that are not there."""
    return [name for name in PROGRAMS if not shutil.which(name)]


def config_text(folder, host, ports, cpus, share=4):
    """share: jobs that may run on a core at once."""
    return CONFIG.format(
        folder=folder, host=host, ctld=ports[0], d=ports[1], cpus=cpus, share=share
    )


class Slurm:
    def __init__(self, bench, folder, ports):
        if missing():
            raise RuntimeError(f"Slurm's {', '.join(missing())} are missing; use --with-slurm")
        self.bench, self.folder = bench, Path(folder)
        self.folder.mkdir(mode=0o755)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(
            config_text(self.folder, host, ports, os.cpu_count())
        )
        self.env = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self.processes, self.jobs = [], 0
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        key, munge = self.folder / "munge.key", self.folder / "munge.socket"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self._run(
            ["munged", "--foreground", "--force", f"--socket={munge}", f"--key-file={key}"]
            + [f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log"]
            + [f"--seed-file={self.folder}/munged.seed"]
        )
        wait_for("munged", munge.exists)
        self._run(["slurmctld", "-D", "-i"])
        self._run(["slurmd", "-D", "-N", socket.gethostname().split(".")[0]])
        wait_for("Slurm", lambda: self._node() == "idle", 60, every=0.2)

    def _run(self, command):
        log = (self.folder / f"{command[0]}.out").open("w")
        self.processes.append(
            subprocess.Popen(
                command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        )

    def _ask(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True, text=True).stdout

    def _node(self):
        return self._ask("sinfo", "-h", "-o", "%T").strip()

    def _completed(self):
        found = COMPLETED.search(self._ask("sdiag"))
        return int(found.group(1)) if found else 0

    def _measure(self, jobs, submit):
        before = self._completed()
        begin = time.monotonic()
        submit()
        wait_for("Slurm's jobs", lambda: self._completed() >= before + jobs, END_S, every=0.1)
        took = time.monotonic() - begin
        return {"perSecond": jobs / took, "seconds": took}

    def _sbatch(self, *options):
        script = self.folder / "true.sh"
        script.write_text("#!/bin/sh\nexec true\n")
        return ["sbatch", "--output=/dev/null", "--ntasks=1", "--mem=0", *options, str(script)]

    def separate(self, jobs):
        """Jobs of their own, submitted by as many sbatch at once as are useful."""
        command = [self.bench.program("spawn"), str(jobs), "4", *self._sbatch()]
        return self._measure(jobs, lambda: numbers_of(command, env=self.env))

    def array(self, size):
        command = [self.bench.program("spawn"), "1", "1", *self._sbatch(f"--array=1-{size}")]
        return self._measure(size, lambda: numbers_of(command, env=self.env))

    def stop(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.processes = []
        self._end_steps()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_steps(self):
        """slurmstepd of jobs that were running outlive slurmd."""
        for pid, process in all_processes().items():
            with contextlib.suppress(OSError):
                if process.name == "slurmstepd" and str(self.folder) in Path(
                    f"/proc/{pid}/environ"
                ).read_text(errors="replace"):
                    os.kill(pid, signal.SIGKILL)
