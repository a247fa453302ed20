//! Layers, unknown names, ranges and redaction.

use super::file::overlay_text;
use super::settings::Settings;
use super::value::Length;
use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn load_all(file: Option<&str>, pairs: &[(&str, &str)], flags: Vec<Flag>) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("q.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let file = file.map(|_| path.as_path());
    load(Sources { file, variables: variables(pairs), flags }).map(|(config, _)| config)
}

fn refusal(file: &str) -> String {
    load_all(Some(file), &[], vec![]).unwrap_err().to_string()
}

fn defaults() -> Config {
    load_all(None, &[], vec![]).unwrap()
}

#[test]
fn the_default_file_is_complete_and_allowed() {
    let config: Config = toml::from_str(DEFAULT_FILE).unwrap();
    assert_eq!(config, defaults());
    assert_eq!(config.roles.len(), 4);
}

#[test]
fn every_setting_has_its_own_variable() {
    let mut variables: Vec<_> = settings::names().map(env::variable_of).collect();
    variables.sort();
    let all = variables.len();
    variables.dedup();
    assert_eq!(variables.len(), all);
    assert!(variables.contains(&"QUIETPULSE_HTTP_LISTEN".to_owned()));
    assert!(variables.contains(&"QUIETPULSE_DATA_DIR".to_owned()));
}

#[test]
fn later_layers_win_and_leave_the_rest() {
    let file = "data_dir = \"/a\"\n[http]\nlisten = \"127.0.0.1:1\"\nworkers = 3\n[grpc]\nlisten = \"127.0.0.1:2\"\n";
    let pairs = [("QUIETPULSE_HTTP_LISTEN", "127.0.0.1:3"), ("QUIETPULSE_GRPC_LISTEN", "127.0.0.1:4")];
    let flags: Vec<Flag> =
        vec![("--grpc", "grpc.listen", Some("127.0.0.1:5".into())), ("--admin", "admin.listen", None)];
    let config = load_all(Some(file), &pairs, flags).unwrap();
    assert_eq!(config.data_dir, Path::new("/a"));
    assert_eq!(config.http.workers, 3);
    assert_eq!(config.http.listen.as_str(), "127.0.0.1:3");
    assert_eq!(config.grpc.listen.as_str(), "127.0.0.1:5");
    assert_eq!(config.admin, defaults().admin);
}

#[test]
fn variables_are_read_as_the_type_of_their_default() {
    let pairs = [
        ("QUIETPULSE_ROLES", "ingest, evaluator"),
        ("QUIETPULSE_GRPC_REFLECTION", "true"),
        ("QUIETPULSE_LOG_SHARDS", "8"),
        ("QUIETPULSE_TELEMETRY_OTLP_SAMPLE", "1"),
        ("QUIETPULSE_ENGINE_APPEND_TIMEOUT", "2s"),
    ];
    let config = load_all(None, &pairs, vec![]).unwrap();
    assert_eq!(config.roles.len(), 2);
    assert!(config.grpc.reflection);
    assert_eq!((config.log.shards, config.telemetry.otlp_sample), (8, 1.0));
    assert_eq!(config.engine.append_timeout, Length::ms(2_000));
}

#[test]
fn a_variable_of_the_wrong_type_is_named() {
    let error = load_all(None, &[("QUIETPULSE_LOG_SHARDS", "many")], vec![]).unwrap_err().to_string();
    assert_eq!(error, "QUIETPULSE_LOG_SHARDS: log.shards: found `many`, allowed: a whole number");
    let error = load_all(None, &[("QUIETPULSE_HTTP_LISTEN", "8080")], vec![]).unwrap_err().to_string();
    assert!(error.starts_with("QUIETPULSE_HTTP_LISTEN: http.listen: found \"8080\", allowed: host:port"), "{error}");
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_one() {
    let error = refusal("# mine\n[http]\nlisten = \"127.0.0.1:1\"\nlisen = \"127.0.0.1:1\"\n");
    assert!(error.ends_with("q.toml line 4: unknown setting `http.lisen`, did you mean `http.listen`?"), "{error}");
    let error = refusal("data_dri = \"x\"\n");
    assert!(error.ends_with("q.toml line 1: unknown setting `data_dri`, did you mean `data_dir`?"), "{error}");
    let error = refusal("\n[htpp]\nlisten = \"127.0.0.1:1\"\n");
    assert!(error.contains("line 2: unknown setting `htpp`"), "{error}");
    let error = refusal("[http.tls]\nkey = \"x\"\n");
    assert!(error.contains("line 1: unknown setting `http.tls`"), "{error}");
}

#[test]
fn an_unknown_variable_names_the_nearest_one() {
    let error = load_all(None, &[("QUIETPULSE_HTTP_LISTN", "x")], vec![]).unwrap_err().to_string();
    assert_eq!(error, "QUIETPULSE_HTTP_LISTN: unknown variable, did you mean QUIETPULSE_HTTP_LISTEN?");
    assert!(load_all(None, &[("QUIETPULSE_HTTP_PORT", "8080")], vec![]).is_err());
}

#[test]
fn variables_of_clients_and_of_the_cluster_are_left_alone() {
    let pairs = [
        ("QUIETPULSE_URL", "http://x"),
        ("QUIETPULSE_API_KEY", "k"),
        ("QUIETPULSE_SERVICE_HOST", "10.0.0.1"),
        ("QUIETPULSE_PORT", "tcp://10.0.0.1:8080"),
        ("QUIETPULSE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("QUIETPULSE_SERVICE_PORT_HTTP", "8080"),
        ("HOME", "/root"),
    ];
    assert_eq!(load_all(None, &pairs, vec![]).unwrap(), defaults());
}

#[test]
fn a_wrong_value_names_its_line() {
    let error = refusal("[http]\nbody_limit = \"10kB\"\nlisten = 8080\n");
    assert!(error.contains("q.toml line 3: http.listen: invalid type: integer"), "{error}");
    let error = refusal("[engine]\nappend_timeout = \"3\"\n");
    assert!(error.contains("line 2: engine.append_timeout: found \"3\", which has no unit"), "{error}");
    let error = refusal("http = 3\n");
    assert!(error.contains("line 1: `http` is a section"), "{error}");
    let error = refusal("[http]\nlisten = \"127.0.0.1:1\nworkers = 3\n");
    assert!(error.contains("q.toml line 2: "), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[cfg(not(feature = "cluster"))]
#[test]
fn what_is_not_in_this_build_is_refused() {
    let error = refusal("[log]\nbackend = \"kafka\"\n");
    assert!(error.contains("line 2: log.backend: found \"kafka\", which is not in this build"), "{error}");
    let error = refusal("[store]\nbackend = \"scylla\"\n");
    assert!(error.contains("line 2: store.backend: found \"scylla\", which is not in this build"), "{error}");
}

#[cfg(feature = "cluster")]
#[test]
fn a_process_of_a_cluster_is_told_what_it_must_be_told() {
    let kafka =
        |rest: &str| refusal(&format!("roles = [\"api\", \"notifier\"]\n[log]\nbackend = \"kafka\"\n[kafka]\n{rest}"));
    for (rest, problem) in [
        ("", "kafka.brokers: must name a broker when log.backend is \"kafka\""),
        ("brokers = [\"a:b\"]", "kafka.brokers: found `a:b`, allowed: host:port"),
        ("brokers = [\"a:1\"]", "notifier.evaluators: must name the evaluators"),
        ("brokers = [\"a:1\"]\n[notifier]\nevaluators = [\"e:1\"]", "http.public_url: must say where pings are taken"),
        ("brokers = [\"a:1\"]\nsasl = \"plain\"", "kafka.sasl, kafka.username and kafka.password go together"),
        ("brokers = [\"a:1\"]\nmin_in_sync = 4", "kafka.min_in_sync: found 4, allowed: 1 to 3"),
        ("brokers = [\"a:1\"]\ntopic = \"a b\"", "kafka.topic: allowed: 1 to 200"),
        ("brokers = [\"a:1\"]\ncertificate_file = \"x\"", "kafka.key_file: a certificate and its key go together"),
    ] {
        let error = kafka(rest);
        assert!(error.contains(problem), "{rest:?}: {error}");
    }
    let error = refusal("[store]\nbackend = \"scylla\"\n");
    assert!(error.contains("scylla.contact_points: must name a node"), "{error}");
    let error = refusal("[scylla]\nkeyspace = \"Upper\"\n");
    assert!(error.contains("line 2: scylla.keyspace: allowed: at most 48"), "{error}");
}

#[test]
fn a_word_that_is_none_is_answered_with_those_that_are() {
    let error = refusal("roles = [\"api\", \"Chef\"]\n");
    assert!(
        error.ends_with(
            "line 1: roles: found \"Chef\", allowed: \"ingest\", \"evaluator\", \"notifier\", \"api\", \"auditor\""
        ),
        "{error}"
    );
    let error = refusal("[smtp]\nsecurity = \"ssl\"\n");
    assert!(
        error.ends_with("line 2: smtp.security: found \"ssl\", allowed: \"starttls\", \"tls\", \"none\""),
        "{error}"
    );
    let flags: Vec<Flag> = vec![("--log-format", "telemetry.log_format", Some("text".into()))];
    let error = load_all(None, &[], flags).unwrap_err().to_string();
    assert_eq!(error, "--log-format: telemetry.log_format: found \"text\", allowed: \"human\", \"json\"");
}

#[test]
fn a_value_out_of_range_names_its_line() {
    for (file, setting) in [
        ("roles = []\n", "roles"),
        ("data_dir = \"\"\n", "data_dir"),
        ("shutdown_delay = \"1m\"\n", "shutdown_delay"),
        ("[http]\nbody_limit = \"1MB\"\n", "http.body_limit"),
        ("[http]\npublic_url = \"ping.example.org\"\n", "http.public_url"),
        ("[http]\npublic_url = \"https://a@b/\"\n", "http.public_url"),
        ("[log]\nshards = 0\n", "log.shards"),
        ("[log]\nretain_bytes = \"1B\"\n", "log.retain_bytes"),
        ("[engine]\nappend_timeout = \"0s\"\n", "engine.append_timeout"),
        ("[notifier]\nevaluators = [\"x\"]\n", "notifier.evaluators"),
        ("[notifier]\negress_allow = [\"10.0.0.0/8\", \"10.0.0.0/33\"]\n", "notifier.egress_allow"),
        ("[http]\ntrusted_proxies = [\"proxy\"]\n", "http.trusted_proxies"),
        ("[smtp]\nserver = \"mail:25\"\n", "smtp.from"),
        ("[telemetry]\notlp_sample = 2.0\n", "telemetry.otlp_sample"),
        ("[telemetry]\nlog_filter = \"a=loud\"\n", "telemetry.log_filter"),
    ] {
        let error = refusal(file);
        assert!(error.contains(&format!("{setting}: ")), "{file}: {error}");
    }
}

#[test]
fn a_file_that_was_named_must_hold_something() {
    assert!(refusal("").ends_with("q.toml: the file is empty; `quietpulse config default` prints a complete one"));
    assert!(refusal(" \n\t\n").contains("the file is empty"));
    assert_eq!(load_all(Some("# all defaults\n"), &[], vec![]).unwrap(), defaults());
    let missing = load(Sources { file: Some(Path::new("/does/not/exist.toml")), variables: vec![], flags: vec![] });
    assert!(missing.unwrap_err().to_string().starts_with("/does/not/exist.toml: cannot be read: "));
}

#[test]
fn secrets_print_as_redacted() {
    let file = "[smtp]\nserver = \"mail:25\"\nfrom = \"q@example.org\"\nusername = \"u\"\npassword = \"hunter2\"\n";
    let config = load_all(Some(file), &[], vec![]).unwrap();
    let printed = format!("{config:?}");
    assert!(printed.contains("redacted") && !printed.contains("hunter2"), "{printed}");
    let error = refusal(&file.replace("\"u\"", "\"\""));
    assert!(error.contains("smtp.password") && !error.contains("hunter2"), "{error}");
}

/// A password of the wrong type or with a broken quote must not be read back to whoever sees the refusal.
#[test]
fn a_broken_secret_is_not_echoed() {
    for file in ["[smtp]\npassword = 123456\n", "[smtp]\npassword = \"hunter2\n"] {
        let error = refusal(file);
        assert!(!error.contains("123456") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn no_file_makes_the_reader_panic() {
    for text in [
        "[",
        "a.b.c = 1\n",
        "[[http]]\n",
        "http = []",
        "http.listen = \"127.0.0.1:9\"\n",
        "x = 1979-05-27",
        "\u{0}",
        "[http]\n[http]\n",
    ] {
        let mut settings = Settings::defaults();
        let read = overlay_text(&mut settings, "f", text);
        assert_eq!(read.is_ok(), text.starts_with("http.listen"), "{text:?}: {read:?}");
    }
}
