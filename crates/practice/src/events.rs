//! What is going to happen, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use bicuspid_model::DateTime;

use crate::arena::{CarrierKey, ClaimKey, FamilyKey, PatientKey, VisitKey};
use crate::compact::Moment;
use crate::treatment::Reason;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// The staff logs on.
    Open,
    /// A new family calls: the one with this number among those that come.
    Arrive(u32),
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
    Remind(VisitKey, Moment),
    /// Somebody answers a reminder, or lets it be. The moments are those of the appointment and of the reminder.
    Answer(VisitKey, Moment, Moment),
    /// The time of an appointment has come.
    Visit(VisitKey, Moment),
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
    at: Moment,
    number: u32,
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
    number: u32,
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
            if self.number == u32::MAX {
                self.count_anew();
            }
            if self.entries.len() == self.entries.capacity() {
                // Doubling would leave room for millions that never come.
                self.entries.reserve_exact(self.entries.len() / 4 + 64);
            }
            self.entries.push(Reverse(Entry { at: at.into(), number: self.number, event }));
            self.number += 1;
        }
    }

    /// Takes the next event.
    pub(crate) fn pop(&mut self) -> Option<(DateTime, Event)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at.time(), entry.event))
    }

    /// Gives what waits new numbers in the old order, when the numbers run out.
    fn count_anew(&mut self) {
        let mut waiting = std::mem::take(&mut self.entries).into_vec();
        waiting.sort_unstable_by_key(|Reverse(entry)| entry.number);
        self.number = 0;
        for Reverse(entry) in &mut waiting {
            entry.number = self.number;
            self.number += 1;
        }
        self.entries = waiting.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Key;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_entry() {
        let at = |second: i64| DateTime::from_micros(second * 1_000_000);
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

    #[test]
    fn the_order_stays_when_numbers_run_out() {
        let at = |second: i64| DateTime::from_micros(second * 1_000_000);
        let mut queue = Queue::new(at(100));
        queue.number = u32::MAX - 2;
        for family in 1..=5 {
            queue.push(at(50), Event::Bill(FamilyKey::from_num(family)));
        }
        assert_eq!(queue.number, 5);
        for family in 1..=5 {
            assert!(matches!(queue.pop(), Some((_, Event::Bill(f))) if f.num() == family));
        }
    }

    #[test]
    fn an_event_takes_little_room() {
        assert_eq!(size_of::<Reverse<Entry>>(), 24);
    }
}
