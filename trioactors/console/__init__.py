"""A web console for a running system: a page and a WebSocket on one port. It needs the extra `console`.

    ta.child(partial(serve_console, port=8080), name="console")    under a supervisor of your own
    open_system(..., console="127.0.0.1:0")                        beside the tree

docs/console.md describes the page, docs/console-protocol.md the protocol. No error in a console affects the application: a connection that
fails is closed and logged, and a failed action is answered with the error. A console costs nothing while no viewer is connected.
"""

from trioactors.console.access import Role, RoleWord
from trioactors.console.limits import ConsoleLimits
from trioactors.console.serving import console_tree, serve_console

__all__ = ["ConsoleLimits", "Role", "RoleWord", "console_tree", "serve_console"]
