"""The system under test in a process of its own, and the truth about it without any page."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO, Any

import trio
from application import ADMIN
from trio_websocket import wrap_client_stream

PROGRAM = Path(__file__).with_name("application.py")


class Application(subprocess.Popen[str]):
    """A system with a console in a process of its own. Leaving the block kills it."""

    stdin: IO[str]
    stdout: IO[str]

    def __init__(self, port: int = 0, store: str = "memory:", program: Path = PROGRAM) -> None:
        super().__init__([sys.executable, str(program), str(port), store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.link: str = self.told("announced").split()[1]
            self.told("up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.url = self.link.partition("/open/")[0]
        self.port = int(self.url.rpartition(":")[2])

    def __exit__(self, *error: object) -> None:
        self.kill()
        super().__exit__(*error)

    def stop(self) -> None:
        """Let it stop in order."""
        self.stdin.close()
        self.wait(60)

    def told(self, what: str) -> Any:
        """Its next line of this kind."""
        return next(line[what] for line in map(json.loads, self.stdout) if what in line)

    def do(self, what: str, **options: Any) -> Any:
        """Make it do something, and wait until that is done."""
        self.stdin.write(json.dumps({"do": what, **options}) + "\n")
        self.stdin.flush()
        return self.told("done")

    def new_link(self, token: str = ADMIN) -> str:
        """Another link, with the role of the token."""
        request = urllib.request.Request(f"{self.url}/link", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    # --- the actual state, without a page ---

    def ask(self, what: str, **options: Any) -> Any:
        """The answer of the console to a program."""
        answer = trio.run(self._asked, what, options)
        assert answer["ok"], answer
        return answer["value"]

    def look(self, topic: str, **options: Any) -> Any:
        """The current snapshot of a topic."""
        return self.ask("look", topic=topic, **options)

    def actor(self, name: str) -> Any:
        return self.look("actor", name=name)

    async def _asked(self, what: str, options: dict[str, Any]) -> Any:
        plain = trio.socket.socket()
        await plain.connect(("127.0.0.1", self.port))
        async with trio.SocketStream(plain) as stream, trio.open_nursery() as nursery:
            headers = [(b"Authorization", f"Bearer {ADMIN}".encode())]
            wire = await wrap_client_stream(
                nursery, stream, f"127.0.0.1:{self.port}", "/live", extra_headers=headers, max_message_size=2**26
            )
            await wire.get_message()
            await wire.send_message(json.dumps({"type": "ask", "id": "q", "what": what, "options": options}))
            answer = json.loads(await wire.get_message())
            nursery.cancel_scope.cancel()
        return answer
