//! What is going to happen, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use bicuspid_model::DateTime;

use crate::arena::{CarrierKey, ClaimKey, FamilyKey, PatientKey, VisitKey};
use crate::people::Arrival;
use crate::treatment::Reason;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// The staff logs on.
    Open,
    /// A new family calls. The number is that of its stream of chance.
    Arrive(u64, Arrival),
    /// Somebody joins a family.
    Join(FamilyKey),
    /// A family's insurance changes.
    Insure(FamilyKey),
    /// The office goes through its list of patients.
    Sweep,
    /// Somebody calls, or is called, for an appointment.
    Seek(PatientKey, Reason),
    /// Something begins to hurt.
    Ache(PatientKey),
    /// A reminder goes out. The moment is that of the appointment meant; it may have been moved since.
    Remind(VisitKey, DateTime),
    /// Somebody answers a reminder, or lets it be. The moments are those of the appointment and of the reminder.
    Answer(VisitKey, DateTime, DateTime),
    /// The time of an appointment has come.
    Visit(VisitKey, DateTime),
    /// A claim is sent.
    Send(ClaimKey),
    /// A carrier decides.
    Decide(ClaimKey),
    /// A carrier's check comes.
    Check(CarrierKey),
    /// A bill is written.
    Bill(FamilyKey),
    /// A month of a payment plan has passed.
    Installment(FamilyKey),
    /// A bill is paid.
    Pay(FamilyKey),
    /// Money is given back.
    Refund(FamilyKey),
    /// Somebody moves away, or dies.
    Leave(PatientKey, Departure),
}

/// How somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Departure {
    /// To another practice, and says so.
    #[default]
    Away,
    /// Does not come any more, and says nothing.
    Silent,
    /// For good.
    Death,
}

/// An event with its place in the order: by time, then by who came first.
#[derive(Debug)]
struct Entry {
    at: DateTime,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The events to come.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    number: u64,
    end: DateTime,
}

impl Queue {
    /// A queue that forgets whatever lies at or after `end`.
    pub(crate) fn new(end: DateTime) -> Self {
        Self { entries: BinaryHeap::new(), number: 0, end }
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, at: DateTime, event: Event) {
        if at < self.end {
            self.entries.push(Reverse(Entry { at, number: self.number, event }));
            self.number += 1;
        }
    }

    /// Takes the next event.
    pub(crate) fn pop(&mut self) -> Option<(DateTime, Event)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_entry() {
        let at = DateTime::from_micros;
        let mut queue = Queue::new(at(100));
        queue.push(at(50), Event::Check(CarrierKey::default()));
        queue.push(at(10), Event::Open);
        queue.push(at(50), Event::Open);
        queue.push(at(100), Event::Open);
        assert!(matches!(queue.pop(), Some((t, Event::Open)) if t == at(10)));
        assert!(matches!(queue.pop(), Some((t, Event::Check(_))) if t == at(50)));
        assert!(matches!(queue.pop(), Some((_, Event::Open))));
        assert!(queue.pop().is_none());
    }
}
