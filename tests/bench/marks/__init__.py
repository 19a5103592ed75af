"""The benchmarks, one a file, in the order in which they run."""

from marks.array import Array
from marks.console import Console
from marks.containers import Containers
from marks.deep import Deep
from marks.history import History
from marks.idle import Idle
from marks.latency import Latency
from marks.life import Life
from marks.logs import Logs
from marks.start import Start
from marks.submit import Submit

ALL = (Idle, Latency, Life, Array, Submit, Containers, Logs, Deep, Start, History, Console)
