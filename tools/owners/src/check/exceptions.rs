//! Complaints that are known to be none, each with its reason
//! (`data/exceptions.toml`). One that nothing needs any more is itself wrong.

use toml::{Table, Value};

use super::Complaint;

/// The complaints that no exception allows, and the exceptions that allow none.
pub(super) fn apply(text: &str, complaints: Vec<Complaint>) -> Result<Vec<String>, String> {
    let table: Table = text.parse().map_err(|e| format!("{e}"))?;
    let list = table.get("exception").and_then(Value::as_array);
    let mut exceptions = Vec::new();
    for value in list.into_iter().flatten() {
        exceptions.push((Exception::new(value)?, 0usize));
    }
    let mut left = Vec::new();
    for complaint in complaints {
        let allowed = exceptions
            .iter_mut()
            .find(|(exception, _)| exception.allows(&complaint));
        match allowed {
            Some((_, uses)) => *uses += 1,
            None => left.push(complaint.to_string()),
        }
    }
    let unused = exceptions.iter().filter(|(_, uses)| *uses == 0);
    left.extend(unused.map(|(exception, _)| {
        format!("data/exceptions.toml: nothing needs the exception {exception:?}")
    }));
    Ok(left)
}

/// What is not given may be anything.
#[derive(Debug)]
struct Exception {
    check: String,
    function: Option<String>,
    slot: Option<String>,
    release: Option<String>,
}

impl Exception {
    fn new(value: &Value) -> Result<Exception, String> {
        let table = value.as_table().ok_or("an exception is no table")?;
        let known = ["check", "function", "slot", "release", "reason"];
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("{key} means nothing"));
        }
        let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        let exception = Exception {
            check: text("check").ok_or("an exception has no check")?,
            function: text("function"),
            slot: text("slot"),
            release: text("release"),
        };
        if text("reason").is_none_or(|reason| reason.is_empty()) {
            return Err(format!("{exception:?} has no reason"));
        }
        if exception.function.is_none() && exception.release.is_none() {
            return Err(format!("{exception:?} would allow everything"));
        }
        Ok(exception)
    }

    fn allows(&self, complaint: &Complaint) -> bool {
        let is = |wanted: &Option<String>, known: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == known
        };
        self.check == complaint.check
            && is(&self.function, Some(&complaint.function))
            && is(&self.slot, Some(&complaint.slot))
            && is(&self.release, complaint.release.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(check: &'static str, function: &str, release: &str) -> Complaint {
        Complaint {
            check,
            function: function.into(),
            slot: "return".into(),
            release: Some(release.into()),
            says: "something".into(),
        }
    }

    #[test]
    fn an_exception_allows_what_it_names_and_no_more() {
        let text = "[[exception]]\ncheck = \"type\"\nrelease = \"free\"\nreason = \"it is so\"\n";
        let complaints = vec![
            complaint("type", "a", "free"),
            complaint("type", "b", "close"),
            complaint("exists", "c", "free"),
        ];
        let left = apply(text, complaints).unwrap();
        assert_eq!(
            left,
            ["type: b.return: something", "exists: c.return: something"]
        );
    }

    #[test]
    fn an_exception_that_nothing_needs_is_found() {
        let text = "[[exception]]\ncheck = \"type\"\nfunction = \"a\"\nreason = \"it was so\"\n";
        let left = apply(text, vec![]).unwrap();
        assert!(
            left.len() == 1 && left[0].contains("nothing needs"),
            "{left:?}"
        );
    }

    #[test]
    fn an_exception_without_reason_or_name_is_refused() {
        for text in [
            "[[exception]]\ncheck = \"type\"\nfunction = \"a\"\n",
            "[[exception]]\ncheck = \"type\"\nreason = \"all\"\n",
            "[[exception]]\nfunction = \"a\"\nreason = \"so\"\n",
            "[[exception]]\ncheck = \"type\"\nfunction = \"a\"\nreason = \"so\"\nwhy = 1\n",
        ] {
            assert!(apply(text, vec![]).is_err(), "{text}");
        }
    }
}
