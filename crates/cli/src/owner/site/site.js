// Search by typing, and the title of a page that shows one function. Pages can be read without it.
//
// The names are in search.js beside this file: a script, as a page that was opened from a disk may not
// read files. It is loaded when somebody is about to search.
"use strict";

(function () {
  const root = document.currentScript.src.replace(/[^/]*$/, "");
  const input = document.querySelector(".search input");
  const list = document.querySelector(".found");
  const MOST = 40;
  let entries = null;
  let loading = false;
  let chosen = -1;

  // What search.js calls: libraries as [name, file, names], releases as [name, file].
  window.freeholdNames = function (libraries, releases) {
    entries = [];
    for (const [name, file] of releases) {
      entries.push(entry(name, "what it releases", `released-by/${file}`));
    }
    for (const [library, file, names] of libraries) {
      entries.push(entry(library, "library", `library/${file}`));
      for (const name of names.split(" ")) {
        entries.push(entry(name, library, `library/${file}#${encodeURIComponent(name)}`));
      }
    }
    show();
  };

  function entry(name, of, address) {
    const lower = name.toLowerCase();
    const method = lower.lastIndexOf("::");
    return { name, of, address, lower, last: method < 0 ? lower : lower.slice(method + 2) };
  }

  function load() {
    if (loading) return;
    loading = true;
    const script = document.createElement("script");
    script.src = root + "search.js";
    script.onerror = () => say("The names cannot be loaded: search.js is not beside this site's pages.");
    document.head.append(script);
  }

  // How well a name fits; the smaller the better, nothing when it does not.
  function fit(entry, wanted) {
    const { lower, last } = entry;
    if (lower === wanted) return 0;
    if (lower === wanted + "w") return 1;
    if (lower === wanted + "a") return 2;
    if (last === wanted) return 3;
    if (lower.startsWith(wanted)) return 4;
    if (last.startsWith(wanted)) return 5;
    return lower.includes(wanted) ? 6 : null;
  }

  function search(wanted) {
    const found = [];
    for (const entry of entries) {
      const rank = fit(entry, wanted);
      if (rank !== null) found.push([rank, entry]);
    }
    found.sort((a, b) => a[0] - b[0] || a[1].name.length - b[1].name.length || (a[1].lower < b[1].lower ? -1 : 1));
    return found.map((one) => one[1]);
  }

  // Names that differ by few letters, for what nobody has.
  function near(wanted) {
    const most = Math.ceil(wanted.length / 4);
    const found = [];
    for (const entry of entries) {
      if (Math.abs(entry.lower.length - wanted.length) > most) continue;
      const distance = differences(entry.lower, wanted, most);
      if (distance <= most) found.push([distance, entry]);
    }
    found.sort((a, b) => a[0] - b[0] || (a[1].lower < b[1].lower ? -1 : 1));
    return found.slice(0, 5).map((one) => one[1]);
  }

  function differences(one, other, most) {
    let before = null;
    let row = Array.from({ length: other.length + 1 }, (_, place) => place);
    for (let i = 1; i <= one.length; i++) {
      const next = [i];
      for (let j = 1; j <= other.length; j++) {
        const same = one[i - 1] === other[j - 1] ? 0 : 1;
        next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same);
        if (before && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
          next[j] = Math.min(next[j], before[j - 2] + 1);
        }
      }
      if (Math.min(...next) > most) return most + 1;
      before = row;
      row = next;
    }
    return row[other.length];
  }

  function say(text) {
    const line = document.createElement("li");
    line.className = "say";
    line.textContent = text;
    list.append(line);
  }

  function show() {
    const wanted = input.value.trim().toLowerCase().replace(/\(\)?$/, "");
    chosen = -1;
    list.replaceChildren();
    list.hidden = wanted === "";
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
    if (list.hidden) return;
    if (!entries) {
      say("Loading the names …");
      return load();
    }
    let found = search(wanted);
    const all = found.length;
    if (all === 0) {
      found = near(wanted);
      say(found.length ? "No such name. Did you mean" : "No function, library or release is known by that name.");
    }
    found.slice(0, MOST).forEach((entry, place) => {
      const line = document.createElement("li");
      line.id = `found-${place}`;
      line.setAttribute("role", "option");
      const link = document.createElement("a");
      link.href = root + entry.address;
      link.tabIndex = -1;
      const name = document.createElement("span");
      name.className = "name";
      name.textContent = entry.name;
      const of = document.createElement("span");
      of.className = "of";
      of.textContent = entry.of;
      link.append(name, of);
      line.append(link);
      list.append(line);
    });
    if (all > MOST) say(`… and ${all - MOST} more: type more of the name`);
    if (all > 0) choose(0);
  }

  function choose(place) {
    const lines = list.querySelectorAll("[role=option]");
    if (lines.length === 0) return;
    lines[chosen]?.removeAttribute("aria-selected");
    chosen = (place + lines.length) % lines.length;
    lines[chosen].setAttribute("aria-selected", "true");
    lines[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", lines[chosen].id);
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  input.addEventListener("focus", load);
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) show();
      else choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      list.querySelector("[aria-selected=true] a")?.click();
    } else if (event.key === "Escape") {
      close();
    }
  });
  list.addEventListener("click", close);
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".search")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });
  document.querySelector(".search").hidden = false;

  const title = document.title;
  function entitle() {
    const name = decodeURIComponent(location.hash.slice(1));
    document.title = name ? `${name} · ${title}` : title;
  }
  window.addEventListener("hashchange", entitle);
  entitle();

  // Another site or a browser's own search may ask by index.html?q=NAME.
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) {
    input.value = asked;
    input.focus();
    show();
  }
})();
