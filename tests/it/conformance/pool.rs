//! What does each subject answer, in time and without a panic?

use std::any::Any;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::future::LocalBoxFuture;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a subject is asked.
pub(super) type Question<S, A> = for<'a> fn(&'a S) -> LocalBoxFuture<'a, A>;

/// Asks every subject, as many at once as there are cores; the answers in the order of the subjects. Who hangs or panics
/// answers with what `fault` makes of it.
pub(super) fn ask_all<S, A>(subjects: &[Arc<S>], question: Question<S, A>, fault: fn(String) -> A) -> Vec<A>
where
    S: Send + Sync + 'static,
    A: Send + 'static,
{
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let (next, done) = (Mutex::new(0), Mutex::new(subjects.iter().map(|_| None).collect::<Vec<_>>()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        *next += 1;
                        *next - 1
                    };
                    let Some(subject) = subjects.get(at) else { break };
                    let answer = in_time(subject, question, PATIENCE).unwrap_or_else(fault);
                    done.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(answer);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// Asks on a thread of its own, which is left behind when it hangs.
fn in_time<S, A>(subject: &Arc<S>, question: Question<S, A>, patience: Duration) -> Result<A, String>
where
    S: Send + Sync + 'static,
    A: Send + 'static,
{
    let (answer, answered) = mpsc::channel();
    let subject = Arc::clone(subject);
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = answer.send(runtime.block_on(question(&subject)));
    });
    answered.recv_timeout(patience).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => format!("hangs: no answer in {} s", patience.as_secs()),
        mpsc::RecvTimeoutError::Disconnected => format!("panics: {}", message(thread.join().err())),
    })
}

fn message(payload: Option<Box<dyn Any + Send>>) -> String {
    let text = payload.as_ref().and_then(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied())
    });
    text.unwrap_or("without a message").to_owned()
}

#[test]
fn who_hangs_or_panics_is_said_to_and_the_others_answer() {
    fn question(subject: &u64) -> LocalBoxFuture<'_, u64> {
        Box::pin(async move {
            match *subject {
                0 => panic!("zero"),
                1 => std::future::pending().await,
                other => other * 2,
            }
        })
    }
    let ask = |subject: u64, patience: Duration| in_time(&Arc::new(subject), question, patience);
    assert_eq!(ask(0, PATIENCE), Err("panics: zero".to_owned()));
    assert_eq!(ask(1, Duration::from_millis(50)), Err("hangs: no answer in 0 s".to_owned()));
    assert_eq!(ask(21, PATIENCE), Ok(42));
    let all: Vec<Arc<u64>> = [2, 0, 5].map(Arc::new).into();
    assert_eq!(ask_all(&all, question, |fault| fault.len() as u64), [4, 12, 10]);
}
