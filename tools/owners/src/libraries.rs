//! Libraries whose functions all give memory that one function releases, because
//! their manual says so of each of them.
//!
//! What is not here: functions of such a library that break its rule; rows by
//! hand say so, and come first.

/// A library, how the names of its functions begin, and the rule for what these
/// give. The first that fits holds.
const LIBRARIES: &[(&str, &[&str], &str)] = &[
    ("advapi32.dll", &["Audit"], "audit"),
    ("advapi32.dll", &["Lsa"], "lsa"),
    (
        "dhcpsapi.dll",
        &["DhcpAuditLog", "DhcpEnum", "DhcpGet", "DhcpV4", "DhcpV6"],
        "dhcp",
    ),
    ("fwpuclnt.dll", &["Fwpm", "IPsec", "Ikeext"], "fwpm"),
    // MprAdminGetErrorString is LocalFree's: by hand.
    ("mprapi.dll", &["MprAdminMIB"], "mpr-mib"),
    ("mprapi.dll", &["MprAdmin"], "mpr-admin"),
    ("mprapi.dll", &["MprConfig"], "mpr-config"),
    ("netapi32.dll", &["Net"], "net-buffer"),
    ("p2p.dll", &["Peer"], "peer"),
    ("winbio.dll", &["WinBio"], "winbio"),
    ("winfax.dll", &["FaxComplete", "FaxEnum", "FaxGet"], "fax"),
    ("wlanapi.dll", &["Wlan"], "wlan"),
];

/// The rule for memory that a function gives through a parameter.
pub(crate) fn rule(library: &str, function: &str) -> Option<&'static str> {
    let fits = |begins: &[&str]| begins.iter().any(|begin| function.starts_with(begin));
    let mut found = LIBRARIES.iter();
    found
        .find(|(name, begins, _)| *name == library && fits(begins))
        .map(|(.., rule)| *rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_holds() {
        let of_mib = rule("mprapi.dll", "MprAdminMIBEntryGet");
        assert_eq!(of_mib, Some("mpr-mib"));
        assert_eq!(rule("mprapi.dll", "MprAdminPortEnum"), Some("mpr-admin"));
    }

    #[test]
    fn another_library_or_name_has_no_rule() {
        assert_eq!(rule("netapi32.dll", "DsGetDcNameW"), None);
        assert_eq!(rule("ole32.dll", "NetUserEnum"), None);
    }
}
