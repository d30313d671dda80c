"""Stacks of the demo shop's services in our own JSON form: Python, JavaScript and Java."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

JsonDict = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a stack: where it is and the source line that was running."""

    module: str
    function: str
    code: str
    is_library: bool = False


def call(text: str) -> Call:
    """Return the call of a line like ``shop.orders:place | self.charge(order)``; ``~`` marks a library."""
    place, _, code = text.partition(" | ")
    module, _, function = place.lstrip("~").rpartition(":")
    return Call(module=module, function=function, code=code, is_library=place.startswith("~"))


FRAMEWORKS: Final[dict[str, tuple[str, ...]]] = {
    "flask": (
        "~flask.app:wsgi_app | response = self.full_dispatch_request()",
        "~flask.app:full_dispatch_request | rv = self.dispatch_request()",
        "~flask.app:dispatch_request | return self.view_functions[rule.endpoint](**view_args)",
    ),
    "celery": (
        "~celery.app.trace:trace_task | R = retval = fun(*args, **kwargs)",
        "~celery.app.trace:__protected_call__ | return self.run(*args, **kwargs)",
    ),
    "cron": (
        "batch.__main__:main | return run(job, arguments)",
        "batch.runner:run | result = job.execute(window)",
    ),
    "browser": (
        "~react-dom:invokeGuardedCallback | func.apply(context, funcArgs);",
        "~react-dom:commitHookEffectListMount | var create = effect.create;",
    ),
    "express": (
        "~express.lib.router.index:next | next_layer(req, res, next)",
        "~express.lib.router.layer:handle | fn(req, res, next);",
    ),
    "spring": (
        "~java.lang.Thread:run | ",
        "~org.apache.tomcat.util.net.SocketProcessorBase:run | ",
        "~org.springframework.web.servlet.FrameworkServlet:service | ",
        "~org.springframework.web.servlet.DispatcherServlet:doDispatch | ",
        "~jdk.internal.reflect.DirectMethodHandleAccessor:invoke | ",
    ),
}

_AROUND: Final = {
    "python": ('    """{function} of {module}."""', "    started = clock()", "    return result", ""),
    "javascript": ("  const started = performance.now();", "  // {module}", "  return result;", "}}"),
    "java": (
        "        var started = clock.instant();",
        "        // {module}",
        "        return result;",
        "    }}",
    ),
}


def frames(platform: str, framework: str, calls: tuple[Call, ...], variables: JsonDict) -> list[JsonDict]:
    """Return the frames of a stack, oldest call first; ``variables`` are the locals of the innermost one."""
    path = [*(call(text) for text in FRAMEWORKS[framework]), *calls]
    built = [_frame(platform, step) for step in path]
    if variables and platform != "java":
        built[-1] = {**built[-1], "variables": variables}
    return built


def _frame(platform: str, step: Call) -> JsonDict:
    line = 12 + zlib.crc32(f"{step.module}:{step.function}:{step.code}".encode()) % 400
    frame: JsonDict = {
        "function": step.function,
        "module": step.module,
        "lineno": line,
        "in_app": not step.is_library,
    }
    match platform:
        case "python":
            path = step.module.replace(".", "/") + ".py"
            folder = "/usr/lib/python3.12/site-packages/" if step.is_library else "/srv/app/"
            frame |= {"filename": path, "abs_path": folder + path}
        case "javascript":
            path = ("node_modules/" if step.is_library else "src/") + step.module.replace(".", "/") + ".js"
            frame |= {
                "filename": path,
                "abs_path": "https://shop.example/assets/" + path,
                "colno": 1 + line % 70,
            }
        case _:
            frame |= {"filename": step.module.rpartition(".")[2].partition("$")[0] + ".java"}
    if step.code:
        frame |= _context(platform, step)
    if step.is_library:
        frame["in_app"] = False
    return frame


def _context(platform: str, step: Call) -> JsonDict:
    before_1, before_2, after_1, after_2 = (
        line.format(function=step.function, module=step.module) for line in _AROUND[platform]
    )
    indent = "        " if platform == "java" else "    "
    return {
        "pre_context": [before_1, before_2],
        "context_line": indent + step.code,
        "post_context": [after_1, after_2],
    }
