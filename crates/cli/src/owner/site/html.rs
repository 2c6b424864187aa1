//! The frame that all pages have in common, and texts in it.

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Page {
    root: &'static str,
    title: String,
    /// The markup between the bar at the top and the end.
    pub(super) main: String,
}

impl Page {
    /// A page from which `root` leads to the first one.
    pub(super) fn new(root: &'static str, title: &str) -> Page {
        Page {
            root,
            title: escape(title),
            main: String::new(),
        }
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        let Page { root, title, main } = self;
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"generator\" content=\"Freehold {version}\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
             <link rel=\"stylesheet\" href=\"{root}style.css\">\n\
             <script src=\"{root}site.js\" defer></script>\n</head>\n<body>\n\
             <header class=\"bar\"><div><a class=\"home\" href=\"{root}index.html\">Who owns it?</a>\n\
             <div class=\"search\" hidden><input type=\"search\" role=\"combobox\" \
             placeholder=\"Search functions, libraries, releases  ( / )\" \
             aria-label=\"Search functions, libraries and releases\" aria-expanded=\"false\" \
             aria-controls=\"found\" aria-autocomplete=\"list\" autocomplete=\"off\" \
             autocapitalize=\"off\" spellcheck=\"false\">\
             <ul class=\"found\" id=\"found\" role=\"listbox\" aria-label=\"Found\" hidden></ul></div>\
             </div></header>\n<main>\n{main}</main>\n</body>\n</html>\n"
        )
    }
}

/// A text as markup, also in the value of an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}

/// A name as markup, with the places where a line of it may end: a narrow screen is
/// shorter than many names.
pub(super) fn breakable(name: &str) -> String {
    escape(name).replace("::", "::<wbr>").replace('.', ".<wbr>")
}

#[cfg(test)]
mod tests {
    #[test]
    fn long_names_end_lines_where_their_parts_end() {
        let name = super::breakable("Windows.Win32");
        assert_eq!(name, "Windows.<wbr>Win32");
        assert_eq!(super::breakable("A::B"), "A::<wbr>B");
    }

    #[test]
    fn texts_cannot_become_markup() {
        let escaped = super::escape("<a href=\"x\">&amp;");
        assert_eq!(escaped, "&lt;a href=&quot;x&quot;&gt;&amp;amp;");
    }
}
