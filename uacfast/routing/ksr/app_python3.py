"""KSR.app_python3: calling a method of the script by its name (kemi-python.md §3.10)."""
from typing import Any


class AppPython3Module:

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime

    def _call(self, name: str, *arguments: Any) -> int:
        method = getattr(self._runtime.handler, name, None)
        if not callable(method):
            return -1
        method(*arguments)
        return 1

    def exec(self, name: str) -> int:
        """Call a method of the script: 1, or -1 when there is none of that name."""
        return self._call(name, self._runtime.message)

    def execx(self, name: str) -> int:
        return self._call(name, self._runtime.message)

    def exec_p1(self, name: str, parameter: str) -> int:
        """The same with one more argument."""
        return self._call(name, self._runtime.message, parameter)
