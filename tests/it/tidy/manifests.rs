//! What the manifests allow: the order of the crates, one version of each dependency, one set of lints.

use super::source::{Finding, Source};

/// Packages in the order in which they may use each other.
const ORDER: [&str; 6] =
    ["lakebed-txlog", "lakebed", "lakebed-compaction", "lakebed-vacuum", "lakebed-lake", "lakebed-cli"];

/// Oracle and rival: for those that nothing uses.
const RIVALS: [&str; 3] = ["deltalake", "delta_kernel", "buoyant_kernel"];

/// A dependency as a manifest declares it: (byte, name, what is asked of it).
fn dependencies(manifest: &Source) -> Vec<(usize, &str, &str)> {
    let mut out = Vec::new();
    let mut inside = false;
    let mut at = 0;
    for line in manifest.text.split_inclusive('\n') {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) {
            let (name, dotted) = key.trim().split_once('.').unwrap_or((key.trim(), ""));
            out.push((at, name, if dotted.is_empty() { value.trim() } else { dotted }));
        }
        at += line.len();
    }
    out
}

fn package(manifest: &Source) -> Option<&str> {
    manifest.text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

/// Manifests of packages.
fn packages(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|s| s.path.ends_with("/Cargo.toml") && s.text.contains("[package]"))
}

/// Manifests of members of the workspace: those that aren't one of their own, as fuzz targets and rivals are.
fn members(sources: &[Source]) -> impl Iterator<Item = &Source> {
    packages(sources).filter(|s| !s.text.contains("\n[workspace]\n"))
}

/// Dependencies on a crate that doesn't stand to the left, or on a rival.
pub(super) fn out_of_order(sources: &[Source]) -> Vec<Finding> {
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    let mut out = Vec::new();
    for manifest in packages(sources) {
        let own = package(manifest).and_then(rank);
        for (at, name, _) in dependencies(manifest) {
            let ours = name == "lakebed" || name.starts_with("lakebed-");
            let allowed = match (own, rank(name)) {
                (Some(own), Some(other)) => other < own,
                (Some(_), None) => !ours && !RIVALS.contains(&name),
                (None, Some(_)) => true,
                (None, None) => !ours, // tests, benches and fuzz are used by nothing
            };
            if !allowed {
                out.push(manifest.finding(at, format!("`{name}` is not to the left of this crate")));
            }
        }
    }
    out
}

/// Dependencies with a version of their own instead of the workspace's.
pub(super) fn own_versions(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for manifest in members(sources) {
        let stray = dependencies(manifest).into_iter().filter(|(_, _, asked)| !asked.contains("workspace"));
        out.extend(
            stray.map(|(at, name, _)| manifest.finding(at, format!("`{name}`: versions stand in the workspace"))),
        );
    }
    out
}

/// Members that don't take the workspace's lints, `unsafe_code = "forbid"` first of them.
pub(super) fn unlinted(sources: &[Source]) -> Vec<Finding> {
    let free = members(sources).filter(|m| !m.text.contains("[lints]\nworkspace = true"));
    free.map(|m| m.finding(0, "takes the workspace's lints: `[lints] workspace = true`")).collect()
}

/// Dependencies of our crates that the lock file of a workspace beside lacks: `cargo --locked` refuses to build it.
pub(super) fn stale_locks(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for lock in sources.iter().filter(|s| s.path.ends_with("/Cargo.lock")) {
        for manifest in members(sources) {
            let Some(name) = package(manifest) else { continue };
            let begin = format!("[[package]]\nname = \"{name}\"\n");
            let Some(at) = lock.text.find(&begin) else { continue };
            let locked = lock.text[at..].split("\n\n").next().unwrap_or_default();
            let needed = manifest.text.split("\n[").find_map(|section| section.strip_prefix("dependencies]\n"));
            let names = needed.unwrap_or_default().lines().filter_map(|line| line.split(['.', ' ', '=']).next());
            let lacking = names.filter(|name| !name.is_empty() && !name.starts_with('#'));
            let lacking = lacking
                .filter(|name| ![format!(" \"{name}\""), format!(" \"{name} ")].iter().any(|n| locked.contains(n)));
            out.extend(
                lacking.map(|lacking| lock.finding(at, format!("{name} needs `{lacking}`: run cargo metadata there"))),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_beside_that_lacks_a_dependency_is_found() {
        let [manifest] = manifest("lakebed-txlog", "[dependencies]\narrow.workspace = true\nzstd.workspace = true\n");
        let lock = |locked: &str| {
            let text = format!(
                "version = 4\n\n[[package]]\nname = \"lakebed-txlog\"\ndependencies = [\n{locked}]\n\n[[package]]\nname = \"zstd\"\n"
            );
            Source::new("benches/side_by_side/Cargo.lock", &text)
        };
        let stale = |locked: &str| stale_locks(&[Source::new(&manifest.path, &manifest.text), lock(locked)]).len();
        assert_eq!(stale(" \"arrow\",\n \"zstd 0.13.3\",\n"), 0);
        assert_eq!(stale(" \"arrow\",\n"), 1);
    }

    fn manifest(name: &str, dependencies: &str) -> [Source; 1] {
        let text = format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n{dependencies}");
        [Source::new("x/Cargo.toml", &text)]
    }

    #[test]
    fn a_dependency_to_the_right_is_out_of_order() {
        let on = |name: &str, other: &str| {
            out_of_order(&manifest(name, &format!("[dev-dependencies]\n{other}.workspace = true\n"))).len()
        };
        assert_eq!(on("lakebed-vacuum", "lakebed-compaction"), 0);
        assert_eq!(on("lakebed-compaction", "lakebed-vacuum"), 1);
        assert_eq!(on("lakebed-txlog", "lakebed"), 1);
        assert_eq!(on("lakebed-txlog", "arrow"), 0);
        assert_eq!(on("lakebed", "lakebed-tests"), 1);
        assert_eq!(on("lakebed", "deltalake"), 1);
        assert_eq!(on("lakebed-tests", "deltalake"), 0);
        assert_eq!(on("lakebed-benches", "lakebed-tests"), 1);
    }

    #[test]
    fn a_version_outside_the_workspace_is_found() {
        let asked = |line: &str| own_versions(&manifest("lakebed", &format!("[dependencies]\n{line}\n"))).len();
        assert_eq!(asked("arrow.workspace = true"), 0);
        assert_eq!(asked("arrow = { workspace = true, features = [\"json\"] }"), 0);
        assert_eq!(asked("arrow = \"59\""), 1);
        assert_eq!(asked("arrow = { version = \"59\" }"), 1);
    }

    #[test]
    fn a_member_without_the_lints_is_found() {
        assert_eq!(unlinted(&manifest("lakebed", "")).len(), 0);
        assert_eq!(unlinted(&[Source::new("x/Cargo.toml", "[package]\nname = \"lakebed\"\n")]).len(), 1);
        let own = "[package]\nname = \"lakebed-fuzz\"\n\n[workspace]\n\n[dependencies]\narrow = \"59\"\n";
        let own = [Source::new("x/Cargo.toml", own)];
        assert_eq!((unlinted(&own).len(), own_versions(&own).len()), (0, 0), "a workspace of its own");
    }
}
