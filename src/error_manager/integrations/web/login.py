"""Signing in with a one-time link, and out again (seed box: Authentication).

Opening the link shows a button and uses nothing up: programs that preview links only look. The button does.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect

from error_manager.core.errors import AuthenticationError
from error_manager.flows import access
from error_manager.flows.services import QueryServices
from error_manager.integrations.api.locality import is_local
from error_manager.integrations.api.parameters import Services
from error_manager.integrations.web.gate import check_origin
from error_manager.integrations.web.template import html
from error_manager.security.sessions import SESSION_LIFETIME, cookie_name

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


@get("/login", opt={"is_public": True}, include_in_schema=False)
async def show_login(services: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """Tell how to get a link."""
    return _ask(services, request)


@get("/login/{token:str}", opt={"is_public": True}, include_in_schema=False)
async def show_link(token: FromPath[str]) -> Response[bytes]:
    """Show the button that uses up a link."""
    return html("enter.html", frame=None, token=token)


@post("/login", opt={"is_public": True}, include_in_schema=False)
async def sign_in(services: Services, request: Request[Any, Any, Any], data: Form) -> Response[Any]:
    """Use up the link, set the cookie, go on to the pages."""
    check_origin(request)
    try:
        session_id = await access.sign_in(
            services.access,
            data.get("token", ""),
            now=services.clock(),
            randomness=services.randomness,
            user_agent=request.headers.get("user-agent", ""),
        )
    except AuthenticationError as error:
        return _ask(services, request, reason=str(error), status_code=401)
    cookie = Cookie(
        key=cookie_name(is_tls=services.is_tls),
        value=session_id,
        path="/",
        httponly=True,
        secure=services.is_tls,
        samesite="lax",
        max_age=int(SESSION_LIFETIME.total_seconds()),
    )
    return Redirect("/", status_code=303, cookies=[cookie])


@post("/logout", opt={"is_public": True}, include_in_schema=False)
async def sign_out(services: Services, request: Request[Any, Any, Any]) -> Response[Any]:
    """End the session here and on the server."""
    check_origin(request)
    name = cookie_name(is_tls=services.is_tls)
    try:
        await access.sign_out(services.access, request.cookies.get(name, ""))
    except AuthenticationError:  # there was none: the person is out, as asked
        return Redirect("/login", status_code=303)
    response = Redirect("/login", status_code=303)
    response.delete_cookie(name, path="/")
    return response


def _ask(
    services: QueryServices, request: Request[Any, Any, Any], *, reason: str = "", status_code: int = 200
) -> Response[bytes]:
    """Return the page that says how to get a link: in full on this machine, without its folders to others."""
    command = services.login_command if is_local(request) else ""
    return html("login.html", frame=None, reason=reason, command=command, status_code=status_code)
