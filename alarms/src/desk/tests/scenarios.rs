//! Plays `scenarios.txt`; every step is followed by a restart.

use super::*;

/// A desk, its rules, the newest alarm and how far the log is.
struct Play {
    rules: RuleSet,
    desk: AlarmDesk,
    newest: Option<AlarmId>,
    steps: u64,
}

fn clock(text: &str) -> i64 {
    let (minutes, seconds) = text.split_once(':').expect("m:ss");
    (minutes.parse::<i64>().expect("minutes") * 60 + seconds.parse::<i64>().expect("seconds")) * 1000
}

impl Play {
    fn step(&mut self, now: i64, words: &[&str]) -> String {
        self.steps += 1;
        let (received, position) = (ReceivedTime::from_millis(now), Position(self.steps));
        let mut out = vec![];
        self.desk.advance(&self.rules, received, position, &mut out);
        let mut refusal = None;
        match words[0] {
            "time" => {}
            "on" | "off" => {
                let after = |word: &str| words.iter().position(|w| *w == word).map(|at| words[at + 1]);
                let at = after("at").map_or(now, clock);
                let severity = match words.get(2) {
                    Some(&"minor") => Some(Severity::Minor),
                    Some(&"critical") => Some(Severity::Critical),
                    _ => None,
                };
                let by = after("by").unwrap_or("D").to_owned();
                let said = condition("D", words[1], words[0] == "on", at);
                self.desk.apply(&self.rules, Condition { severity, by, received, position, ..said }, &mut out);
            }
            verb => {
                let alarm = self.newest.clone().unwrap_or_else(|| AlarmId::new("D.NONE.0").expect("grammar"));
                let until = words.get(1).map_or(0, |text| clock(text));
                let asked = request(&format!("r{}", self.steps), command(verb, alarm, until));
                refusal = self.desk.command(&self.rules, &asked, received, position, &mut out).err();
                let mut nothing = vec![];
                let again = self.desk.command(&self.rules, &asked, received, position, &mut nothing).err();
                assert_eq!((&again, &nothing), (&refusal, &vec![]), "a repeated request changes nothing");
            }
        }
        for output in &out {
            if let DeskOutput::Alarm(change) = output {
                self.newest = Some(change.alarm.id.clone());
                assert_eq!(self.desk.alarm(&change.alarm.id).map(|alarm| &alarm.id), Some(&change.alarm.id));
            }
        }
        self.desk = restarted(&self.desk);
        match refusal {
            Some(CommandRefusal::NotNow { why, .. } | CommandRefusal::Invalid { why }) => format!("({why})"),
            Some(other) => format!("({other})"),
            None if out.is_empty() => "nothing".into(),
            None => out.iter().map(tell).collect::<Vec<_>>().join("; "),
        }
    }

    fn alarm(&self) -> &Alarm {
        self.desk.alarm(self.newest.as_ref().expect("an alarm")).expect("it is remembered")
    }
}

#[test]
fn the_timelines_hold() {
    let fresh = || Play { rules: RuleSet::builtin(), desk: AlarmDesk::new(), newest: None, steps: 0 };
    let mut play = fresh();
    let mut scenarios = 0;
    for (number, line) in include_str!("scenarios.txt").lines().enumerate() {
        let at = format!("scenarios.txt:{}: {line}", number + 1);
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        match head {
            "" | "#" => {}
            "scenario" => {
                play = fresh();
                scenarios += 1;
            }
            "explain" => {
                let mut codes: Vec<_> = play.alarm().explanation.iter().map(|reason| reason.code.as_str()).collect();
                let mut want: Vec<_> = rest.split(',').map(str::trim).collect();
                codes.sort_unstable();
                want.sort_unstable();
                assert_eq!(codes, want, "{at}");
            }
            "title" => assert_eq!(play.alarm().title, rest.trim(), "{at}"),
            time => {
                let (given, want) = rest.split_once("want").expect("a want");
                let words: Vec<_> = given.split_whitespace().collect();
                assert_eq!(play.step(clock(time), &words), want.trim(), "{at}");
            }
        }
    }
    assert_eq!(scenarios, 21);
}

#[test]
fn an_alarm_that_means_nothing_now_is_hidden_by_design() {
    let mut play = Play { rules: RuleSet::builtin(), desk: AlarmDesk::new(), newest: None, steps: 0 };
    play.rules.suppressions.push(crate::rules::SuppressionRule {
        id: "停炉".into(),
        class: Class::Plant,
        while_active: code("STOPPED"),
        hides: vec![code("FURNACE_TEMPERATURE_LOW"), code("H2S_HIGH")],
    });
    for (time, words, want) in [
        (0, "on H2S_HIGH", "raised unacknowledged P2 x1; order P2"),
        (1, "on STOPPED", "raised unacknowledged P3 x1; suppressed suppressed_by_design P2 x1"),
        (2, "on FURNACE_TEMPERATURE_LOW", "raised suppressed_by_design P1 x1"),
        (3, "ack", "(告警处于搁置、抑制或停用状态，请先恢复显示再操作)"),
        (4, "off H2S_HIGH", "returned suppressed_by_design P2 x1"),
        (
            5,
            "off STOPPED",
            "returned returned_unacknowledged P3 x1; unsuppressed unacknowledged P1 x1; order P1; \
             unsuppressed normal P2 x1",
        ),
        (6, "on FURNACE_TEMPERATURE_LOW", "repeated unacknowledged P1 x2"),
    ] {
        let words: Vec<_> = words.split(' ').collect();
        assert_eq!(play.step(time * 1000, &words), want, "{words:?}");
    }
}

#[test]
fn an_alarm_that_may_kill_is_hidden_by_two_people_only() {
    let mut play = Play { rules: RuleSet::builtin(), desk: AlarmDesk::new(), newest: None, steps: 0 };
    play.step(0, &["on", "FIRE"]);
    let alarm = play.newest.clone().expect("raised");
    for (witness, want) in [
        (None, "该告警为高度管控告警，搁置须由另一名值班人员授权"),
        (Some("wang"), "授权人不能是搁置人本人，请另一名值班人员授权"),
        (Some(""), "授权人不能是搁置人本人，请另一名值班人员授权"),
        (Some("li"), ""),
    ] {
        let asked = Command::Shelve {
            alarm: alarm.clone(),
            until: 60_000,
            reason: "演练".into(),
            one_shot: false,
            witness: witness.map(str::to_owned),
        };
        let asked = request(&format!("r{}", witness.unwrap_or("none")), asked);
        let refusal = play.desk.command(&play.rules, &asked, ReceivedTime(1_000_000), Position(9), &mut vec![]).err();
        assert_eq!(refusal.map(|refusal| refusal.to_string()).unwrap_or_default(), want);
    }
}

#[test]
fn a_latched_alarm_is_released_by_a_reset_only() {
    let mut play = Play { rules: RuleSet::builtin(), desk: AlarmDesk::new(), newest: None, steps: 0 };
    let types = play.rules.types.get_mut(&Class::Plant).expect("there");
    types.get_mut("EMERGENCY_STOP").expect("there").latching = true;
    for (time, words, want) in [
        (0, "on EMERGENCY_STOP", "raised unacknowledged P1 x1; order P1"),
        (1, "reset", "(触发条件仍然存在，请先排除故障再复位)"),
        (2, "off EMERGENCY_STOP", "returned latched_unacknowledged P1 x1"),
        (3, "ack", "acknowledged latched_acknowledged P1 x1"),
        (4, "reset", "reset normal P1 x1"),
    ] {
        let words: Vec<_> = words.split(' ').collect();
        assert_eq!(play.step(time * 1000, &words), want, "{words:?}");
    }
}
