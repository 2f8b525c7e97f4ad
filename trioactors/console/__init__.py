"""See a running system, and act on it safely: page and WebSocket on one port. The extra `console` brings what it stands on.

    ta.child(partial(serve_console, port=8080), name="console")    under any supervisor of yours
    open_system(..., console="127.0.0.1:0")                        beside the tree

The page is docs/console.md, the protocol docs/console-protocol.md. Whatever happens in a console, the application lives: a connection that
fails is closed and logged, an action answers errors. Nobody looking costs nothing.
"""

from trioactors.console.access import Role
from trioactors.console.limits import ConsoleLimits
from trioactors.console.serving import console_tree, serve_console

__all__ = ["ConsoleLimits", "Role", "console_tree", "serve_console"]
