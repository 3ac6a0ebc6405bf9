//! Does `lakebed fsck` find, say and repair what is wrong, and does `lakebed doctor` say what a place is good for?

use super::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("good.csv", "id,name\n1,a\n2,b\n").write("more.csv", "id,name\n3,c\n");
    desk.ok(["ingest", "good.csv", "--table", "t", "--create"]);
    desk.ok(["ingest", "more.csv", "--table", "t"]);
    desk
}

/// Deletes the data file that holds one row.
fn lose_a_file(desk: &Desk) {
    let files = desk.files_below("t");
    let data = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    let held = |path: &std::path::Path| {
        let listed = desk.json(["table", "files", "t", "--json"]);
        let name = path.file_name().unwrap().to_str().unwrap();
        listed.iter().find(|file| file["path"].as_str().unwrap().ends_with(name)).map(|file| file["numRecords"].clone())
    };
    let lost = data.filter(|path| held(path) == Some(1.into())).collect::<Vec<_>>();
    let [lost] = lost[..] else { panic!("{lost:?}") };
    std::fs::remove_file(lost).unwrap();
}

#[test]
fn a_sound_table_is_clean_and_a_folder_without_one_is_not_found() {
    let desk = desk();
    let told = desk.ok(["fsck", "t", "--full", "--all-versions"]);
    assert!(told.contains("clean") && told.contains("2 live files"), "{told}");
    let report = desk.json(["fsck", "t", "--json"]).remove(0);
    assert_eq!(report["report"]["findings"], serde_json::json!([]));
    desk.run(["fsck", "nowhere"]).refused(3, &["nowhere", "hint:"]);
}

#[test]
fn a_lost_file_is_dropped_only_when_that_is_asked_for() {
    let desk = desk();
    lose_a_file(&desk);
    let found = desk.run(["fsck", "t"]);
    found.refused(5, &["1 error", "--repair"]);
    assert!(found.out.contains("ERROR") && found.out.contains("1 rows with it"), "{}", found.out);
    desk.run(["fsck", "t", "--repair", "--apply"]).refused(5, &["1 error"]);
    let before = desk.version("t");
    let planned = desk.run(["fsck", "t", "--repair", "--drop-missing-files"]);
    planned.refused(5, &[]);
    assert!(planned.out.contains("1 row are LOST") || planned.out.contains("1 row is LOST"), "{}", planned.out);
    assert_eq!(desk.version("t"), before, "a plan changes nothing");
    let done = desk.ok(["fsck", "t", "--repair", "--apply", "--drop-missing-files"]);
    assert!(done.contains("after the repair") && done.contains("clean"), "{done}");
    assert_eq!(desk.rows("t").len(), 2);
}

#[test]
fn the_doctor_tells_people_and_programs() {
    let desk = Desk::new();
    let told = desk.ok(["doctor", "."]);
    for part in ["racing creates", "one winner each", "many writers", "fit"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let diagnosis = desk.json(["doctor", ".", "--json", "--for", "many-writers"]).remove(0);
    assert_eq!(diagnosis["verdicts"][1]["use"], "manyWriters");
    assert_ne!(diagnosis["verdicts"][1]["fitness"], "unfit");
    assert!(desk.files_below(".").is_empty());
    desk.run(["doctor", "nowhere"]).refused(3, &["nowhere", "hint:"]);
}
