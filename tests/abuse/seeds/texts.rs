//! Seeds of the small languages and of the configuration.

use super::{Seed, numbered};

/// Assertions: the forms of the manual, and what looks like one.
pub fn assertions() -> Vec<Seed> {
    let sound = [
        "count >= 1",
        "duration < 5m",
        "error_count==0",
        "ratio != 0.5",
        "t < -1.5e3",
        "count? >= 1",
        "  duration  <=  1h30m ",
        "a.b-c_d > 1e308",
        "duration >= 250ms",
        "x == -0",
        "_ != .5",
    ];
    let bad = [
        "",
        "count",
        "count >=",
        ">= 1",
        "count => 1",
        "count = 1",
        "count >= NaN",
        "count >= inf",
        "count >= +1",
        "count? ? > 1",
        "count >= 5m",
        "1st > 1",
        "a\u{202e}b > 1",
        "c > 1e999",
        "duration < 99999999999999999w",
        "c\n> 1",
        "a----<=                                                                                                              6",
    ];
    [numbered("sound", &sound), numbered("bad", &bad)].concat()
}

/// Lengths of time.
pub fn durations() -> Vec<Seed> {
    let sound = [
        "90",
        "90s",
        "5m",
        "1h30m",
        "1d",
        "2w",
        "0s",
        "250ms",
        "1.5s",
        "0.001s",
        "1.5",
        "1m250ms",
        "2w3d4h5m6s",
        "18446744073709551615",
        "000000000000000000000000001",
    ];
    let bad = [
        "",
        " ",
        "-5m",
        "+5m",
        "1.5h",
        "5M",
        "m",
        "5m5m",
        "5m1h",
        "1h30",
        "5 m",
        "18446744073709551616",
        "18446744073709551615w",
        "\u{665}m",
        "1e3s",
        "1.0005s",
        "1.0000000000s",
        ".5s",
        "1.s",
    ];
    [numbered("sound", &sound), numbered("bad", &bad)].concat()
}

/// Cron expressions, some with a zone and a moment that lie in the way.
pub fn cron() -> Vec<Seed> {
    let sound = [
        "0 2 * * *",
        "*/5 * * * *",
        "30 2 29 3 *|Europe/Berlin|1774742400",
        "0 0 29 2 *",
        "30 1 * * SUN|America/New_York|1761900000",
        "15 30 2 * * MON-FRI",
        "@daily",
        "@yearly|Pacific/Apia|1325000000",
        "0 0 L * *",
        "0 9 LW * *",
        "0 9 15W * *",
        "0 12 * * 5L",
        "0 9 * * MON#1",
        "0 0 1,15 * 5",
        "0 0 30 2 *",
        "59 23 31 12 *|Asia/Kathmandu|253402300799",
        "0 0 * * 7|UTC|-377705116800",
        "*/61 * * * *",
        "0 1-23/2 * JAN-JUN/2 *",
        "* * * * * *|Africa/Casablanca|1771000000",
    ];
    let bad = [
        "*/0 * * * *",
        "5/0 * * * *",
        "60 * * * *",
        "10-5 * * * *",
        "@reboot",
        "0 0 ? * *",
        "0 0 * * 7#2#3",
        "0 0 H * *",
        "0 0 L-3 * *",
        "0 0 0 1 1 * 2026",
        "\u{17f}un * * * *",
        ",,,,,,,,,,,, * * * *",
        "0 0 * * *|europe/berlin",
        "0 0 * * *|../../etc/passwd",
        "0 0 * * *|UTC|9223372036854775807",
        "0 0 W * *",
    ];
    [numbered("sound", &sound), numbered("bad", &bad)].concat()
}

/// Calendar expressions.
pub fn calendar() -> Vec<Seed> {
    let sound = [
        "daily",
        "Mon..Fri 02:30",
        "*-*-1,15 04:00",
        "*-*~3 00:00",
        "Mon *-05~07/1",
        "*:0/15",
        "9..17/8:0",
        "2026-03-29 02:30 Europe/Berlin",
        "02:00 UTC\n\n  04:00 Europe/Riga \r\n03:00",
        "2020/3-1-1",
        "Sat,Sun *-2~1,15,28 1:2:3,5",
        "semi-annually",
        "*-2-29|UTC|-2208988800",
        "hourly|Australia/Lord_Howe|1759500000",
        "2199-12-31 23:59:59|UTC|7258118399",
        "*:*:*|Pacific/Apia|1325200000",
        "Fri *-*-13",
        "2026-02-30",
    ];
    let bad = [
        "",
        "@1700000000",
        "10:00:00.5",
        "24:00",
        "*:0/0",
        "Fri..Mon",
        "Mon,,Tue",
        "2026-13-01",
        "*-*~29",
        "2026~3-1",
        "2026-03-01T10:00",
        "99999999999999999999:00",
        "04:00 Europe/Rigaa",
        "2..100-1-1",
        "*-*-1/0",
    ];
    [numbered("sound", &sound), numbered("bad", &bad)].concat()
}

/// Configuration files, and variables over them.
pub fn configurations() -> Vec<Seed> {
    let sound = [
        "data_dir = \"/var/lib/quietpulse\"\nroles = [\"ingest\", \"api\"]\n",
        "[http]\nlisten = \"[::1]:8080\"\npublic_url = \"https://ping.example.org\"\nbody_limit = \"10 kB\"\nworkers = 3\n",
        "[grpc]\nreflection = true\nadvertise = \"a.example:1\"\n[log]\nshards = 8\nretain_for = \"30d\"\n",
        "[engine]\nappend_timeout = \"2.5s\"\nsnapshot_every = \"30s\"\nsnapshot_format = 2\n",
        "[smtp]\nserver = \"mail.example:465\"\nfrom = \"a@b.example\"\nusername = \"u\"\npassword = \"hunter2-hunter2\"\n",
        "[telemetry]\nlog_filter = \"info,ingest=debug\"\notlp_sample = 0.25\nlog_format = \"json\"\n",
        "[notifier]\negress_allow = [\"10.0.0.0/8\"]\ncapacity = 64\nevaluators = [\"e:1\", \"[::1]:2\"]\n",
        "# nothing\n\n---\nHTTP_LISTEN=127.0.0.1:0\nLOG_SHARDS=8\nROLES=ingest, evaluator\n",
        "[http]\ntrusted_proxies = [\"::1/128\", \"192.0.2.0/24\"]\n---\nSMTP_PASSWORD=hunter2-hunter2\nSMTP_USERNAME=u\n",
        "[store]\nhistory_for = \"90d\"\ntransitions_for = \"52w\"\n[admin]\nlisten = \"localhost:1\"\n",
    ];
    let bad = [
        "",
        "[http\nlisten = 1",
        "[http]\nlisten = 8080\n",
        "[htpp]\nlisten = \"a:1\"\n",
        "http = 1\n",
        "[log]\nshards = 9223372036854775808\n",
        "[log]\nshards = 0x_ff\nretain_bytes = \"99999999999GiB\"\n",
        "[log.shards]\na = 1\n",
        "roles = [[[[[[[[[[\"ingest\"]]]]]]]]]]\n",
        "a.b.c.d = 1\n[a]\nb = 2\n",
        "\"\\u001b[2J\\u202e\" = 1\n",
        "data_dir = \"\"\nshutdown_delay = \"3\"\n",
        "[telemetry]\notlp_sample = nan\n",
        "x = 1979-05-27T07:32:00Z\n",
        "[smtp]\npassword = 12345678901\n",
        "a = 1\n---\nHTTP_LISTEN=\nLOG_SHARDS=many\nSMTP_PASSWORD=canary-canary\n",
        "a = 1\n---\n\u{1b}[2J\u{202e}LISTEN=1\n",
        "a = 1\n---\nPORT=tcp://10.0.0.1:80\nSERVICE_HOST=x\nNO_SUCH=1\n",
        "[kafka]\nbrokers = [\"a:1\"]\nsasl = \"plain\"\nusername = \"u\"\n",
    ];
    [numbered("sound", &sound), numbered("bad", &bad)].concat()
}
