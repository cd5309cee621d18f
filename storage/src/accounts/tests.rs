//! What accounts promise, on every database.

use super::lockout::{FAILURES_MAX, LOCKED_MS};
use super::*;
use crate::devices::{CredentialError, DeviceCredentials, FRESH_US};
use crate::relational::PageRequest;
use crate::relational::testing::{Stage, on_every_database};
use greenhub_model::{Class, DeviceId, ReceivedTime, Role};

const T0: i64 = 1_763_899_200_000;
const GOOD: &str = "Tr4mway-Bridge";

fn at(ms: i64) -> ReceivedTime {
    ReceivedTime::from_millis(T0 + ms)
}

async fn accounts(stage: &Stage) -> Accounts {
    let policy = PasswordPolicy::of(PolicyProfile::Dengbao3);
    Accounts::new(stage.open().await, policy, LoginConfig::default())
}

fn new_user<'a>(username: &'a str, role: Role) -> NewUser<'a> {
    NewUser { username, name: "李华", role, password: GOOD, must_change: false }
}

#[tokio::test]
async fn a_person_comes_in_until_the_login_is_over() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        assert!(!accounts.has_administrator().await.expect("read"));
        accounts.add("command line", &new_user("li", Role::Administrator), at(0)).await.expect("added");
        assert!(accounts.has_administrator().await.expect("read"));
        let login = accounts.login("li", GOOD, "127.0.0.1", at(1)).await.expect("right password");
        assert_eq!((login.session.role, login.must_change), (Role::Administrator, false), "{}", stage.label);
        let who = |token: String, ms| {
            let accounts = &accounts;
            async move { accounts.authenticate(&token, at(ms)).await.expect("read").map(|s| s.username) }
        };
        let minute = 60_000;
        assert_eq!(who(login.token.clone(), 2).await.as_deref(), Some("li"));
        assert_eq!(who("0".repeat(64), 2).await, None, "{}", stage.label);
        assert_eq!(who(login.token.clone(), 20 * minute).await.as_deref(), Some("li"));
        assert_eq!(who(login.token.clone(), 49 * minute).await.as_deref(), Some("li"), "use keeps it alive");
        assert_eq!(who(login.token.clone(), 80 * minute).await, None, "idle for half an hour");
        let login = accounts.login("li", GOOD, "", at(0)).await.expect("again");
        for step in 1..=30 {
            let alive = who(login.token.clone(), step * 25 * minute).await.is_some();
            assert_eq!(alive, step * 25 < 12 * 60, "{}: twelve hours at most, minute {}", stage.label, step * 25);
        }
        let login = accounts.login("li", GOOD, "", at(0)).await.expect("again");
        accounts.logout(&login.token, "", at(5)).await.expect("out");
        assert_eq!(who(login.token, 6).await, None);
        let text: String = sqlx::Row::get(
            &sqlx::query("SELECT password FROM users").fetch_one(stage.open().await.readers()).await.expect("a row"),
            0,
        );
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn five_failures_lock_known_and_unknown_names_alike() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        accounts.add("command line", &new_user("li", Role::Dispatcher), at(0)).await.expect("added");
        for name in ["li", "nobody", "Robert'); DROP TABLE users"] {
            for n in 0..FAILURES_MAX {
                let failure = accounts.login(name, "wrong", "", at(n)).await.err();
                assert!(matches!(failure, Some(LoginFailure::Wrong)), "{}: {name} {failure:?}", stage.label);
            }
            let until = T0 + FAILURES_MAX - 1 + LOCKED_MS;
            match accounts.login(name, GOOD, "", at(10)).await.err() {
                Some(LoginFailure::Locked { until: found }) => assert_eq!(found, until, "{}: {name}", stage.label),
                other => panic!("{}: {name} {other:?}", stage.label),
            }
        }
        accounts.login("li", GOOD, "", at(FAILURES_MAX - 1 + LOCKED_MS)).await.expect("the lock has run out");
        // Right after four failures: counted anew from there.
        for _ in 0..FAILURES_MAX - 1 {
            accounts.login("li", "wrong", "", at(2 * LOCKED_MS)).await.err().expect("wrong");
        }
        accounts.login("li", GOOD, "", at(2 * LOCKED_MS)).await.expect("the fifth is right");
        let failure = accounts.login("li", "wrong", "", at(2 * LOCKED_MS)).await.err();
        assert!(matches!(failure, Some(LoginFailure::Wrong)));
        accounts.login("li", GOOD, "", at(2 * LOCKED_MS)).await.expect("not locked");
    })
    .await;
}

#[tokio::test]
async fn parallel_guesses_are_counted_before_they_are_judged() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        accounts.add("command line", &new_user("li", Role::Dispatcher), at(0)).await.expect("added");
        let guesses: Vec<_> = (0..20)
            .map(|_| {
                let accounts = accounts.clone();
                tokio::spawn(async move { accounts.login("li", "wrong", "", at(1)).await.err() })
            })
            .collect();
        let mut judged = 0;
        for guess in guesses {
            match guess.await.expect("a guess").expect("all are wrong") {
                LoginFailure::Wrong => judged += 1,
                LoginFailure::Locked { .. } => {}
                other => panic!("{}: {other:?}", stage.label),
            }
        }
        assert_eq!(judged, FAILURES_MAX, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn changes_of_an_account_end_its_logins() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        accounts.add("command line", &new_user("boss", Role::Administrator), at(0)).await.expect("added");
        accounts.add("boss", &new_user("li", Role::Dispatcher), at(0)).await.expect("added");
        let login = async || accounts.login("li", GOOD, "", at(1)).await.expect("in").token;
        let is_in = async |token: &str| accounts.authenticate(token, at(2)).await.expect("read").is_some();

        let token = login().await;
        accounts.set_role("boss", "li", Role::Clerk, at(1)).await.expect("changed");
        assert!(!is_in(&token).await, "{}: another role", stage.label);
        let token = login().await;
        accounts.set_disabled("boss", "li", true, at(1)).await.expect("changed");
        assert!(!is_in(&token).await, "{}: disabled", stage.label);
        assert!(accounts.login("li", GOOD, "", at(1)).await.is_err(), "{}: a disabled user", stage.label);
        accounts.set_disabled("boss", "li", false, at(1)).await.expect("changed");
        let token = login().await;
        accounts.set_password("boss", "li", "Another-Road7", at(1)).await.expect("changed");
        assert!(!is_in(&token).await, "{}: another password", stage.label);
        assert!(accounts.login("li", GOOD, "", at(1)).await.is_err());
        let login = accounts.login("li", "Another-Road7", "", at(1)).await.expect("the new one");
        assert!(login.must_change, "somebody else chose it");

        let refusal = accounts.set_disabled("li", "boss", true, at(1)).await.expect_err("the last one");
        assert!(matches!(refusal, AccountError::LastAdministrator(_)), "{}: {refusal}", stage.label);
        let refusal = accounts.set_role("boss", "boss", Role::Clerk, at(1)).await.expect_err("the last one");
        assert!(matches!(refusal, AccountError::LastAdministrator(_)));
        let refusal = accounts.add("boss", &new_user("li", Role::Crew), at(1)).await.expect_err("taken");
        assert!(matches!(refusal, AccountError::Exists(_)));
        let refusal = accounts.add("boss", &new_user("../li", Role::Crew), at(1)).await.expect_err("no name");
        assert!(matches!(refusal, AccountError::BadName(_)));
    })
    .await;
}

#[tokio::test]
async fn old_passwords_do_not_come_back_and_age() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        accounts.add("li", &new_user("li", Role::Dispatcher), at(0)).await.expect("added");
        let set = async |password: &str| accounts.set_password("li", "li", password, at(1)).await;
        for n in 0..5 {
            set(&format!("Bridge-{n}-Road")).await.expect("a new one");
        }
        let refusal = set("Bridge-0-Road").await.expect_err("the fifth newest");
        assert!(matches!(refusal, AccountError::Password(PasswordProblem::UsedBefore)), "{}", stage.label);
        set(GOOD).await.expect("older than five");
        let login = accounts.login("li", GOOD, "", at(2)).await.expect("in");
        assert!(!login.must_change);
        let login = accounts.login("li", GOOD, "", at(91 * 86_400_000)).await.expect("in");
        assert!(login.must_change, "{}: older than 90 days", stage.label);
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_shows_where_it_was_tampered_with() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        let audit = accounts.audit();
        for n in 0..5 {
            let entry = NewAuditEntry {
                at: at(n),
                actor: "li\nforged line",
                origin: "::1",
                action: "order_closed",
                object: "W-1",
                outcome: Outcome::Done,
                detail: "",
            };
            audit.append(&entry).await.expect("written");
        }
        let verdict = audit.verify().await.expect("read");
        assert_eq!((verdict.entries, verdict.broken_at), (5, None), "{}", stage.label);
        let page = audit.list(&PageRequest::first(2)).await.expect("listed");
        assert_eq!(page.items.iter().map(|e| e.seq).collect::<Vec<_>>(), [5, 4]);
        assert_eq!(page.items[0].actor, "li\u{fffd}forged line");
        let db = stage.open().await;
        for sql in ["UPDATE audit SET actor = 'wang' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3"] {
            sqlx::query(sql).execute(db.writer()).await.expect_err("the trigger refuses");
        }
        let drop_trigger = match db.backend() {
            crate::relational::Backend::Sqlite => "DROP TRIGGER audit_no_update",
            crate::relational::Backend::Postgres => "DROP TRIGGER audit_only_grows ON audit",
        };
        sqlx::query(drop_trigger).execute(db.writer()).await.expect("an intruder with all rights");
        sqlx::query("UPDATE audit SET actor = 'wang' WHERE seq = 3").execute(db.writer()).await.expect("tampered");
        let verdict = audit.verify().await.expect("read");
        assert_eq!(verdict.broken_at, Some(3), "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_wrong_names_does_not_flood_the_audit_log() {
    on_every_database(async |stage| {
        let accounts = accounts(stage).await;
        for n in 0..70 {
            accounts.login(&format!("ghost{n}"), "wrong", "", at(n)).await.err().expect("wrong");
        }
        let verdict = accounts.audit().verify().await.expect("read");
        assert_eq!(verdict.entries, 60, "{}", stage.label);
        accounts.login("ghost", "wrong", "", at(60_000)).await.err().expect("wrong");
        let newest = accounts.audit().list(&PageRequest::first(1)).await.expect("listed");
        assert_eq!(newest.items[0].detail, "no such user; 10 more were not written down", "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_device_comes_in_with_its_own_secret_only() {
    on_every_database(async |stage| {
        let credentials = DeviceCredentials::new(stage.open().await);
        let one = DeviceId::new("C-1").expect("an id");
        let two = DeviceId::new("C-2").expect("an id");
        let secret = credentials.add(&one, Class::Charger, at(0)).await.expect("added");
        let other = credentials.add(&two, Class::Plant, at(0)).await.expect("added");
        let again = credentials.add(&one, Class::Charger, at(0)).await;
        assert!(matches!(again, Err(CredentialError::Exists(_))), "{}", stage.label);
        assert_eq!((secret.reveal().len(), format!("{secret:?}").as_str()), (32, "***"));
        let verify = async |user: &str, secret: &str, ms: i64| {
            credentials.verify(user, secret.as_bytes(), at(ms)).await.expect("read")
        };
        assert_eq!(verify("C-1", secret.reveal(), 1).await, Some(Class::Charger), "{}", stage.label);
        assert_eq!(verify("C-2", other.reveal(), 1).await, Some(Class::Plant));
        for (user, wrong) in [("C-1", other.reveal()), ("C-1", ""), ("C-3", secret.reveal()), ("../C-1", "x")] {
            assert_eq!(verify(user, wrong, 1).await, None, "{}: {user}", stage.label);
        }
        // Another process revokes: it works until the entry is read again, and not a moment longer.
        let elsewhere = DeviceCredentials::new(stage.open().await);
        elsewhere.revoke(&one, at(2)).await.expect("revoked");
        assert_eq!(verify("C-1", secret.reveal(), 1 + FRESH_US / 1000).await, None, "{}", stage.label);
        credentials.revoke(&two, at(2)).await.expect("revoked");
        assert_eq!(verify("C-2", other.reveal(), 2).await, None, "{}: at once in this process", stage.label);
        let fresh = credentials.renew(&one, at(3)).await.expect("renewed");
        assert_eq!(verify("C-1", secret.reveal(), 4).await, None);
        assert_eq!(verify("C-1", fresh.reveal(), 4).await, Some(Class::Charger));
        let page = credentials.list(&PageRequest::first(1)).await.expect("listed");
        assert_eq!((page.items[0].device.as_str(), page.items[0].revoked_at), ("C-1", None));
        let next = PageRequest { limit: 1, cursor: page.next };
        let page = credentials.list(&next).await.expect("listed");
        assert_eq!((page.items[0].device.as_str(), page.items[0].revoked_at), ("C-2", Some(T0 + 2)));
        assert_eq!(page.next, None);
    })
    .await;
}
