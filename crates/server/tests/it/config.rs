//! `config default`, `config check`, and what refuses to start with status 2.

use crate::harness::{quietpulse, said, said_by};

fn check(text: &str) -> crate::harness::Said {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("q.toml");
    std::fs::write(&path, text).unwrap();
    said(&["config", "check", path.to_str().unwrap()])
}

#[test]
fn the_default_file_passes_its_own_check() {
    let default = said(&["config", "default"]);
    assert_eq!((default.status, default.stderr.as_str()), (Some(0), ""));
    let checked = check(&default.stdout);
    assert_eq!(checked.status, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.starts_with("ok: "), "{}", checked.stdout);
    assert_eq!(said(&["config", "check"]).stdout, "ok: every setting has its default\n");
}

#[test]
fn a_check_names_who_set_what_and_shows_no_value() {
    let checked = check("[smtp]\nserver = \"mail:25\"\nfrom = \"a@b\"\nusername = \"u\"\npassword = \"hunter2\"\n");
    assert_eq!(checked.status, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("smtp.password") && checked.stdout.contains("line 5"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("hunter2"), "{}", checked.stdout);
}

#[test]
fn a_bad_file_is_refused_with_status_2_and_one_line() {
    for (text, words) in [
        ("[http]\nlisen = \"127.0.0.1:1\"\n", "line 2: unknown setting `http.lisen`, did you mean `http.listen`?"),
        ("[http]\nlisten = 1\n", "line 2: http.listen: "),
        ("[http\n", "line 1: "),
        ("", "the file is empty"),
        ("[store]\nbackend = \"cassandra\"\n", "line 2: store.backend: found \"cassandra\", allowed: \"embedded\""),
        (
            "roles = [\"ingest\", \"chef\"]\n",
            "line 1: roles: found \"chef\", allowed: \"ingest\", \"evaluator\", \"notifier\", \"api\"",
        ),
    ] {
        let checked = check(text);
        assert_eq!(checked.status, Some(2), "{text}");
        assert_eq!(checked.stderr.lines().count(), 1, "{}", checked.stderr);
        assert!(
            checked.last_line().starts_with("error: ") && checked.last_line().contains(words),
            "{}",
            checked.stderr
        );
    }
    assert_eq!(said(&["config", "check", "/does/not/exist"]).status, Some(2));
}

#[test]
fn serve_refuses_what_check_refuses_and_makes_no_directory() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serve = |more: &[&str]| {
        let mut command = quietpulse(&["serve", "--data-dir", data.to_str().unwrap()]);
        command.args(more);
        said_by(command)
    };
    let refused = serve(&["--http", "8080"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.last_line().starts_with("error: --http: http.listen: found \"8080\""), "{}", refused.stderr);
    let refused = serve(&["--config", "/does/not/exist"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.last_line().contains("/does/not/exist: cannot be read"), "{}", refused.stderr);
    assert!(!data.exists());
}

#[test]
fn a_misspelt_variable_is_refused() {
    let mut command = quietpulse(&["config", "check"]);
    command.env("QUIETPULSE_HTTP_LISTNE", "127.0.0.1:1").env("QUIETPULSE_API_KEY", "not ours to judge");
    let refused = said_by(command);
    assert_eq!(refused.status, Some(2));
    assert_eq!(
        refused.last_line(),
        "error: QUIETPULSE_HTTP_LISTNE: unknown variable, did you mean QUIETPULSE_HTTP_LISTEN?"
    );
}

#[test]
fn bad_arguments_end_with_status_2_and_name_the_argument() {
    let refused = said(&["serve", "--prot", "1"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.last_line().contains("--prot"), "{}", refused.stderr);
    assert_eq!(said(&[]).status, Some(2));
    assert_eq!(said(&["--help"]).status, Some(0));
}

#[test]
fn version_names_what_it_was_built_with() {
    let version = said(&["version"]);
    assert_eq!(version.status, Some(0));
    for name in ["quietpulse ", "tzdb ", "sqlite 3.", "librdkafka ", "log embedded", "store embedded"] {
        assert!(version.stdout.lines().any(|line| line.starts_with(name)), "{name}: {}", version.stdout);
    }
}
