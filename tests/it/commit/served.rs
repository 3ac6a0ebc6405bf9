//! How is another process told what to do with a table, and when?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use lakebed_tests::orders::{Commit, Done, LogRequests, Order, Said, Start, Task};

use super::place::Place;

/// A process that does what it is told, with handles on one table. It ends with this.
pub(super) struct Served {
    process: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Served {
    /// Starts one, with so many handles on the table.
    pub(super) fn start(place: &Place, handles: u32) -> Served {
        let mut process = place.served().spawn().expect("the writer starts");
        let orders = process.stdin.take();
        let said = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut served = Served { process, orders, said };
        served.tell(&Order::Open(handles));
        let Said::At(_) = served.hear() else { panic!("the handles are open") };
        served
    }

    /// Tells it something, and doesn't wait for what it says.
    pub(super) fn tell(&mut self, order: &Order) {
        let line = serde_json::to_string(order).unwrap() + "\n";
        let orders = self.orders.as_mut().expect("it was not told to end");
        orders.write_all(line.as_bytes()).and_then(|()| orders.flush()).expect("the writer listens");
    }

    /// The next that it says.
    pub(super) fn hear(&mut self) -> Said {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the writer has ended: {:?}", self.process.wait());
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// Goes on to the newest version.
    pub(super) fn refresh(&mut self) -> u64 {
        self.tell(&Order::Refresh);
        let Said::At(version) = self.hear() else { panic!("a version") };
        version
    }

    /// Carries out a task.
    pub(super) fn carry_out(&mut self, task: &Task) -> Done {
        self.tell(&Order::Do(task.clone(), Start::AtOnce));
        self.hear_done()
    }

    /// Carries out a task as far as its commit.
    pub(super) fn hold(&mut self, task: &Task) {
        self.tell(&Order::Do(task.clone(), Start::Held));
    }

    /// That it has come as far as that.
    pub(super) fn hear_waiting(&mut self) {
        let said = self.hear();
        assert_eq!(said, Said::Waiting, "it has planned, and puts nothing yet");
    }

    /// How the task that it was told ended.
    pub(super) fn hear_done(&mut self) -> Done {
        match self.hear() {
            Said::Done(done) => done,
            other => panic!("a task has ended: {other:?}"),
        }
    }

    /// Its appends, and what all of them asked of the log.
    pub(super) fn hear_appended(&mut self) -> (Vec<Commit>, LogRequests) {
        match self.hear() {
            Said::Appended { commits, requests } => (commits, requests),
            other => panic!("every append is there: {other:?}"),
        }
    }

    /// Lets it finish what it does behind its commits, and end.
    pub(super) fn end(mut self) {
        self.orders = None;
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A process that has ended can't be ended again.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
