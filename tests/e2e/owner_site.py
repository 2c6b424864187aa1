#!/usr/bin/env python3
"""The site of `freehold owner --export site`, in a browser and without one.

    owner_site.py [--keep FOLDER]

Every link of every page leads to something that is there, and each function's page says what the table
says. Then Chromium opens pages from the disk: search by typing and by keys, addresses of functions, dark
and light, a narrow screen, no script. Exit status 1: something was not so. With --keep, pictures of the
pages are in that folder afterwards.
"""

import argparse
import html.parser
import json
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

from browser import Browser
from tracked import FREEHOLD

NARROW = 390
ENTER = ("Enter", 13)
DOWN = ("ArrowDown", 40)
SHOWN = "[...document.querySelectorAll('main > article, main > .all')].filter(e => e.offsetHeight > 0)"
FOUND = "[...document.querySelectorAll('.found [role=option] .name')].map(e => e.textContent)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "a site"
        subprocess.run([FREEHOLD, "owner", "--export", "site", "-o", str(site)], check=True)
        failed += tried(links_lead_somewhere, site)
        with Browser() as browser:
            at = lambda path: site.as_uri() + "/" + path
            pictures = options.keep or Path(folder)
            pictures.mkdir(exist_ok=True)
            for test in [search, keys, no_such_name, address_of_a_function, name_alone, link, looks, without_script]:
                failed += tried(test, browser, at, pictures)
    return 1 if failed else 0


def tried(test, *arguments):
    try:
        said = test(*arguments)
        print(f"ok   {test.__name__}" + (f": {said}" if said else ""))
        return 0
    except (AssertionError, RuntimeError, TimeoutError) as wrong:
        print(f"FAIL {test.__name__}: {wrong}")
        return 1


class Reader(html.parser.HTMLParser):
    """Addresses and ids of a page, the text of each article, and tags that are not closed."""

    VOID = {"meta", "link", "input", "br", "wbr"}

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.open, self.articles, self.article = set(), set(), [], {}, None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            assert attributes["id"] not in self.ids, f"{attributes['id']} is there twice"
            self.ids.add(attributes["id"])
        self.links |= {attributes[name] for name in ("href", "src") if name in attributes}
        if tag == "article":
            self.article = self.articles.setdefault(attributes["id"], [])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"
        if tag == "article":
            self.article = None

    def handle_data(self, data):
        if self.article is not None and data.strip():
            self.article.append(data)


def links_lead_somewhere(site):
    pages = {}
    for path in site.rglob("*.html"):
        reader = Reader()
        reader.feed(path.read_text())
        reader.close()
        assert not reader.open, f"{path.name}: {reader.open} not closed"
        pages[path.relative_to(site).as_posix()] = reader
    links = 0
    for name, page in pages.items():
        for link in page.links - {"data:,"}:
            links += 1
            target, _, fragment = urllib.parse.unquote(link).partition("#")
            path = (site / name).parent / target if target else site / name
            assert path.is_file(), f"{name} leads to {link}, which is not there"
            if fragment:
                there = pages[path.resolve().relative_to(site.resolve()).as_posix()]
                assert fragment in there.ids, f"{name} leads to {link}, which has no such place"
    said = same_as_table(pages)
    return f"{links} links of {len(pages)} pages; {said}"


def same_as_table(pages):
    """What the command answers stands on each function's page, in its order."""
    done = subprocess.run([FREEHOLD, "owner", "--export", "json"], check=True, capture_output=True)
    slots = 0
    for function in json.loads(done.stdout)["matches"]:
        page = pages[f"library/{function['library']}.html"]
        if not function["slots"]:
            assert function["name"] in page.ids and function["name"] not in page.articles
            continue
        text = "".join(page.articles[function["name"]])
        place = text.index(function["name"])
        for slot in function["slots"]:
            slots += 1
            either = slot["release"] or slot["perhaps"]
            parts = [slot["slot"], " or ".join(either)]
            parts += [slot[name] for name in ("condition", "until", "on_failure", "size", "family", "note")]
            for part in [*parts, slot["tier"] + ": ", *slot["sources"]]:
                if part:
                    found = text.find(part, place)
                    assert found >= 0, f"{function['name']}: the page does not say {part!r} there"
                    place = found + len(part)
    return f"{slots} slots as in the table"


def fine(page):
    assert not page.complaints(), page.complaints()


def search(browser, at, pictures):
    page = browser.open(at("index.html"))
    page.click(".search input")
    page.type("FormatMessage")
    page.until("document.querySelector('.found [role=option]')")
    found = page.evaluate(FOUND)
    assert found[:2] == ["FormatMessageW", "FormatMessageA"], found
    page.picture(pictures / "search.png")
    page.click(".found [role=option] a")
    page.until(f"location.hash === '#FormatMessageW' && {SHOWN}[0]?.id === 'FormatMessageW'")
    assert "/library/kernel32.dll.html" in page.evaluate("location.pathname")
    assert "LocalFree" in page.evaluate(f"{SHOWN}[0].innerText")
    fine(page)
    # Asked by the address, as a browser's own search does.
    page = browser.open(at("index.html?q=getdisplayname"))
    page.until("document.querySelector('.found [role=option]')")
    found = page.evaluate(FOUND)
    assert "IShellItem::GetDisplayName" in found and all("getdisplayname" in name.lower() for name in found), found
    fine(page)


def keys(browser, at, _):
    page = browser.open(at("released-by/LocalFree.html"))
    page.type("/")
    page.until("document.activeElement.tagName === 'INPUT'")
    page.type("sqlite3_column")
    page.until("document.querySelector('.found [role=option]')")
    found = page.evaluate(FOUND)
    page.press(*DOWN)
    page.press(*DOWN)
    page.press(*ENTER)
    page.until("location.hash !== ''")
    assert page.evaluate("location.hash") == "#" + found[2], found
    page.until(f"document.title.startsWith({json.dumps(found[2])})")
    fine(page)


def no_such_name(browser, at, _):
    page = browser.open(at("library/libz.so.1.html"))
    page.click(".search input")
    page.type("sqlite3_mprntf")
    page.until("document.querySelector('.found .say')?.textContent.includes('Did you mean')")
    assert "sqlite3_mprintf" in page.evaluate(FOUND)
    for _ in "sqlite3_mprntf":
        page.press("Backspace", 8)
    page.until("document.querySelector('.found').hidden")
    page.type("<b>no such")
    page.until("document.querySelector('.found').textContent.startsWith('No function, library')")
    fine(page)


def address_of_a_function(browser, at, _):
    for path, said in [
        ("library/libsqlite3.so.0.html#sqlite3_exec", "parameter errmsg"),
        ("library/Windows.Win32.UI.Shell.html#IShellItem::GetDisplayName", "CoTaskMemFree"),
        ("library/Windows.Win32.UI.Shell.html#IShellItem%3A%3AGetDisplayName", "CoTaskMemFree"),
    ]:
        page = browser.open(at(path))
        shown = page.evaluate(f"{SHOWN}.map(e => e.id)")
        assert shown == [urllib.parse.unquote(path.partition("#")[2])], shown
        assert said in page.evaluate(f"{SHOWN}[0].innerText"), path
        top = page.evaluate(f"{SHOWN}[0].getBoundingClientRect().top")
        bar = page.evaluate("document.querySelector('.bar').getBoundingClientRect().bottom")
        assert bar <= top < bar + 60, f"{path}: begins at {top}, below a bar that ends at {bar}"
        fine(page)


def name_alone(browser, at, _):
    page = browser.open(at("library/libc.so.6.html#getpid"))
    text = page.evaluate("document.querySelector('main').innerText")
    assert "getpid" in text and "nothing to release" in text and "getppid" not in text, text[:500]
    fine(page)


def link(browser, at, _):
    page = browser.open(at("library/libsqlite3.so.0.html"))
    page.click('.functions a[href="#sqlite3_mprintf"]')
    page.until("location.hash === '#sqlite3_mprintf'")
    assert page.evaluate(f"{SHOWN}.map(e => e.id)") == ["sqlite3_mprintf"]
    page.click('article:target a[href="../released-by/sqlite3_free.html"]')
    page.until("location.pathname.endsWith('/released-by/sqlite3_free.html')")
    page.until("document.readyState === 'complete'")
    page.click('a[href$="#sqlite3_expanded_sql"]')
    page.until(f"{SHOWN}[0]?.id === 'sqlite3_expanded_sql'")
    # Back to the whole library.
    page.click('article:target a[href="libsqlite3.so.0.html"]')
    page.until(f"location.hash === '' && {SHOWN}[0]?.className === 'all'")
    fine(page)


# Contrast of text with what is behind it, by WCAG.
CONTRAST = """(() => {
  const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const behind = e => { const c = rgb(getComputedStyle(e).backgroundColor); return c[3] === 0 ? behind(e.parentElement) : c; };
  let least = [99, ''];
  for (const e of document.querySelectorAll('main *')) {
    if (e.offsetHeight === 0 || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const c = (a + 0.05) / (b + 0.05);
    if (c < least[0]) least = [c, e.outerHTML.slice(0, 80)];
  }
  return least;
})()"""


def looks(browser, at, pictures):
    paths = {
        "index": "index.html",
        "library": "library/libglib-2.0.so.0.html",
        "function": "library/kernel32.dll.html#FormatMessageW",
        "interface": "library/Windows.Win32.System.DistributedTransactionCoordinator.html",
        "releases": "released-by/IUnknown.Release.html",
        "all-releases": "released-by/index.html",
    }
    grounds, worst = set(), 99
    for name, path in paths.items():
        for dark in [False, True]:
            page = browser.open(at(path), dark=dark)
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            contrast, of = page.evaluate(CONTRAST)
            assert contrast >= 4.5, f"{path}, dark {dark}: contrast {contrast:.1f} of {of}"
            worst = min(worst, contrast)
            page.picture(pictures / f"{name}-{'dark' if dark else 'light'}.png")
            fine(page)
        page = browser.open(at(path), width=NARROW, height=800)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW, f"{path} is {wide} pixels wide on a screen of {NARROW}"
        page.picture(pictures / f"{name}-narrow.png")
        fine(page)
    assert len(grounds) == 2, grounds
    return f"contrast {worst:.1f} or more"


def without_script(browser, at, _):
    # The page's own scripts do not run; what the test asks still does.
    page = browser.open(at("library/libsqlite3.so.0.html#sqlite3_mprintf"), script=False)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate(f"{SHOWN}.map(e => e.id)") == ["sqlite3_mprintf"]
    assert page.evaluate("document.querySelector('.search').offsetHeight") == 0, "a search that cannot work"


if __name__ == "__main__":
    sys.exit(main())
