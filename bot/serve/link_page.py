"""The page behind a one-time link: whoever looks at it changes nothing, only the button does (crawlers look too)."""

import asyncio
import re
from html import escape

from aiohttp import web

from bot.house import House
from bot.linking import LinkState, link_confirm, link_page

# No script, no other site, no trace of the address anywhere (OWASP Secure Headers Project).
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_STYLE = (
    "body{font:1.1rem/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:.4rem;background:#064;color:#fff}"
)


_TEXTS = {LinkState.READY: "link-page", LinkState.DONE: "link-page-done", LinkState.GONE: "link-page-gone"}
_LANGUAGE = re.compile("[a-z]{2}")


class LinkPage:
    """GET shows, POST confirms."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def show(self, request: web.Request) -> web.Response:
        """The page; a link that is used up, too old or made up looks the same for everybody."""
        state = await asyncio.to_thread(link_page, self._house, request.match_info["token"])
        return self._page(state, request)

    async def confirm(self, request: web.Request) -> web.Response:
        """The button was pressed."""
        state = await asyncio.to_thread(link_confirm, self._house, request.match_info["token"])
        return self._page(state, request)

    def _page(self, state: LinkState, request: web.Request) -> web.Response:
        """In the language that the browser asks for: whose link it is, the page does not tell."""
        texts, asked = self._house.kit.texts, _LANGUAGE.match(request.headers.get("Accept-Language", "").lower())
        language = asked[0] if asked and asked[0] in texts.by_language else "en"
        said, button = escape(texts.say(_TEXTS[state], language)), escape(texts.say("link-page-button", language))
        form = f'<form method="post"><button>{button}</button></form>' if state is LinkState.READY else ""
        body = (
            f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>PHMS</title><style>{_STYLE}</style>'
            f"<p>{said}</p>{form}</html>"
        )
        status = 404 if state is LinkState.GONE else 200
        return web.Response(text=body, content_type="text/html", charset="utf-8", status=status, headers=_HEADERS)
