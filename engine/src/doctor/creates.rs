//! Is a put-if-absent carried out for one writer only, and refused for ever after?

use bytes::Bytes;
use lakebed_txlog::Result;
use object_store::{Error, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;

/// Writers that race for one object.
pub(super) const RACERS: usize = 16;
/// Objects that they race for, one after the other.
pub(super) const ROUNDS: usize = 20;
/// Bytes of each object: enough that two writers' could be mixed.
const BODY_BYTES: usize = 2000;
/// Of the requests of all rounds, the share (1 in …) that may stay unanswered before nothing is said.
const MAX_UNANSWERED: usize = 4;
const NEEDS_CREATE: &str = "use a store that implements If-None-Match on PutObject; nothing else keeps writers apart";

/// How one round ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Round {
    winners: Vec<usize>,
    unanswered: usize,
    holder: Holder,
    /// The first failure that is no refusal.
    failure: Option<String>,
}

/// Whose bytes an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holder {
    /// It couldn't be read.
    #[default]
    Unread,
    /// Nobody's: it isn't there, or holds a mixture.
    Nobody,
    Racer(usize),
}

/// How all rounds ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    many_winners: usize,
    most_winners: usize,
    wrong_bytes: usize,
    no_winner: usize,
    unanswered: usize,
    failure: Option<String>,
}

impl Tally {
    fn of(rounds: &[Round]) -> Tally {
        let mut tally = Tally::default();
        for round in rounds {
            tally.unanswered += round.unanswered;
            tally.most_winners = tally.most_winners.max(round.winners.len());
            match round.winners[..] {
                [] => tally.no_winner += 1,
                [winner] if round.holder == Holder::Racer(winner) => {}
                [_] if round.holder == Holder::Unread => tally.unanswered += RACERS,
                [_] => tally.wrong_bytes += 1,
                _ => tally.many_winners += 1,
            }
            if tally.failure.is_none() {
                tally.failure.clone_from(&round.failure);
            }
        }
        tally
    }

    fn finding(&self) -> Finding {
        let check = Check::RacingCreates;
        let rounds = format!("{ROUNDS} rounds of {RACERS} creates at once");
        if self.many_winners > 0 {
            return Finding::fails(
                check,
                format!(
                    "{rounds}: in {} of them several writers were told that they had created the object, up to {}",
                    self.many_winners, self.most_winners
                ),
            )
            .hint(NEEDS_CREATE);
        }
        if self.wrong_bytes > 0 {
            return Finding::fails(
                check,
                format!("{rounds}: in {} of them the object isn't what its only creator wrote", self.wrong_bytes),
            )
            .hint(NEEDS_CREATE);
        }
        let unanswered = self.failure.clone().unwrap_or_default();
        if self.unanswered * MAX_UNANSWERED > ROUNDS * RACERS || self.no_winner == ROUNDS {
            return Finding::new(
                check,
                Outcome::Unknown,
                format!("{rounds}: {} requests without a clear answer: {unanswered}", self.unanswered),
            )
            .hint("try again when the store is less busy");
        }
        let mut detail = format!("{rounds}: one winner each, and the object holds its bytes");
        if self.no_winner > 0 {
            detail = format!(
                "{rounds}: at most one winner each; in {} nobody was told so, which a commit settles by reading back",
                self.no_winner
            );
        }
        if self.unanswered > 0 {
            detail += &format!("; {} requests without a clear answer ({unanswered})", self.unanswered);
        }
        Finding::holds(check, detail)
    }
}

/// 16 writers × 20 objects: 320 creates, at most 20 reads.
///
/// # Errors
/// None but bugs: what the store answers is the finding.
pub(super) async fn racing(ground: &Ground) -> Result<Finding> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        rounds.push(race(ground, round).await?);
    }
    Ok(Tally::of(&rounds).finding())
}

async fn race(ground: &Ground, round: usize) -> Result<Round> {
    let key = ground.key(&format!("races/{round:020}.json"))?;
    // Tasks of their own, so that a runtime of several threads sends them side by side.
    let racers: Vec<_> = (0..RACERS)
        .map(|racer| {
            let (ground, key) = (ground.clone(), key.clone());
            tokio::spawn(async move { ground.create(&key, body(racer)).await })
        })
        .collect();
    let mut ended = Round::default();
    for (racer, answer) in futures::future::join_all(racers).await.into_iter().enumerate() {
        match answer {
            Ok(Ok(_)) => ended.winners.push(racer),
            Ok(Err(e)) if is_refusal(&e) => {}
            Ok(Err(e)) => {
                ended.unanswered += 1;
                ended.failure.get_or_insert_with(|| ground.failure(e, "creating an object"));
            }
            Err(e) => return Err(lakebed_txlog::Error::bug("a racing task ended early").because(e)),
        }
    }
    match ground.get(&key).await {
        Ok(found) => {
            let racer = found.and_then(|bytes| (0..RACERS).find(|racer| body(*racer) == bytes));
            ended.holder = racer.map_or(Holder::Nobody, Holder::Racer);
        }
        Err(e) => {
            ended.failure.get_or_insert_with(|| ground.failure(e, "reading an object back"));
        }
    }
    Ok(ended)
}

fn body(racer: usize) -> Bytes {
    let line = format!("writer {racer:02} ");
    line.repeat(BODY_BYTES / line.len()).into()
}

/// "It is there": 409 and 412 both come as these.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}

/// A create over what is there, with other bytes and with the same: what a writer does whose answer was lost.
///
/// # Errors
/// None but bugs.
pub(super) async fn repeated(ground: &Ground) -> Result<Finding> {
    let check = Check::RepeatedCreate;
    let key = ground.key("repeated/00000000000000000000.json")?;
    let (first, other) = (body(0), body(1));
    match ground.create(&key, first.clone()).await {
        Ok(_) => {}
        Err(e @ (Error::NotImplemented { .. } | Error::NotSupported { .. })) => {
            let said = ground.failure(e, "creating an object only where none is");
            return Ok(Finding::new(check, Outcome::NotOffered, said).hint(NEEDS_CREATE));
        }
        Err(e) => {
            let said = ground.failure(e, "creating an object only where none is");
            return Ok(Finding::new(check, Outcome::Unknown, said).hint(NEEDS_CREATE));
        }
    }
    for (bytes, which) in [(first.clone(), "the same bytes"), (other, "other bytes")] {
        match ground.create(&key, bytes).await {
            Err(e) if is_refusal(&e) => {}
            Ok(_) => {
                let said = format!("an object that is there was created a second time, with {which}");
                return Ok(Finding::fails(check, said).hint(NEEDS_CREATE));
            }
            Err(e) => {
                let said = ground.failure(e, "creating what is there");
                return Ok(Finding::new(check, Outcome::Unknown, format!("{said}: neither done nor refused")));
            }
        }
    }
    Ok(match ground.get(&key).await {
        Ok(Some(found)) if found == first => Finding::holds(
            check,
            "creating what is there is refused, with the same bytes too: a lost answer is settled",
        ),
        Ok(_) => Finding::fails(check, "a refused create changed the object").hint(NEEDS_CREATE),
        Err(e) => Finding::new(check, Outcome::Unknown, ground.failure(e, "reading an object back")),
    })
}

/// Replacing an object that is unchanged, and one that isn't.
///
/// # Errors
/// None but bugs.
pub(super) async fn conditional_replace(ground: &Ground) -> Result<Finding> {
    let check = Check::ConditionalReplace;
    let key = ground.key("replaced")?;
    let unknown = |e: Error, what: &str| Finding::new(check, Outcome::Unknown, ground.failure(e, what));
    let first = match ground.put(&key, body(0)).await {
        Ok(first) => first,
        Err(e) => return Ok(unknown(e, "writing an object")),
    };
    let old = UpdateVersion { e_tag: first.e_tag, version: first.version };
    let replace = |version: UpdateVersion, racer: usize| {
        let options = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
        let key = key.clone();
        async move { ground.store().commits().put_opts(&key, PutPayload::from_bytes(body(racer)), options).await }
    };
    match replace(old.clone(), 1).await {
        Ok(_) => {}
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. } | Error::Generic { .. }) => {
            return Ok(Finding::new(check, Outcome::NotOffered, "not offered here; the engine doesn't use it"));
        }
        Err(e) => return Ok(unknown(e, "replacing an unchanged object")),
    }
    Ok(match replace(old, 2).await {
        Err(e) if is_refusal(&e) => Finding::holds(
            check,
            "an object is replaced while it is as it was, and refused after; the engine doesn't use it",
        ),
        Ok(_) => Finding::fails(check, "an object that had changed was replaced; the engine doesn't use it"),
        Err(e) => unknown(e, "replacing a changed object"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(winners: &[usize], holder: Option<usize>) -> Round {
        let holder = holder.map_or(Holder::Nobody, Holder::Racer);
        Round { winners: winners.to_vec(), holder, ..Round::default() }
    }

    fn outcome(mut rounds: Vec<Round>) -> Outcome {
        rounds.resize(ROUNDS, round(&[3], Some(3)));
        Tally::of(&rounds).finding().outcome
    }

    #[test]
    fn two_winners_or_anothers_bytes_fail() {
        assert_eq!(outcome(Vec::new()), Outcome::Holds);
        assert_eq!(outcome(vec![round(&[1, 2], Some(2))]), Outcome::Fails);
        assert_eq!(outcome(vec![round(&[1], Some(2))]), Outcome::Fails);
        assert_eq!(outcome(vec![round(&[1], None)]), Outcome::Fails);
    }

    #[test]
    fn a_round_that_nobody_won_is_what_a_commit_can_settle() {
        assert_eq!(outcome(vec![round(&[], None)]), Outcome::Holds);
        assert_eq!(outcome(vec![round(&[], None); ROUNDS]), Outcome::Unknown);
        let silent = Round { unanswered: RACERS, ..Round::default() };
        assert_eq!(outcome(vec![silent; ROUNDS / 2]), Outcome::Unknown);
    }
}
