//! How families are covered, and when that changes.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{PatientPosition, Relat};

use crate::arena::{FamilyKey, Key, PatientKey, PlanKey, add_to};
use crate::calendar::{age, open_from, unset_date};
use crate::compact::{Day, RowNum};
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::payers::public_plan;
use crate::people::{Coverage, Subscription};
use crate::settings::Preset;
use crate::world::World;

/// Cover of a household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cover {
    /// None.
    #[default]
    None,
    /// Public, mostly for children.
    Public,
    /// A plan through an employer.
    Private,
}

impl World<'_> {
    /// Gives a family its insurance: one plan for all, and sometimes a second through the other parent.
    pub(crate) fn cover(&mut self, family: FamilyKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let members = self.families.get(family)?.members.clone();
        let Some(head) = members.first().copied() else { return Ok(()) };
        let seen = self.patients.get(head)?.entered.max(self.settings.start_date);
        let retired = age(self.patients.get(head)?.birth, seen) >= 66;
        let cover = draw.weighted(if retired {
            &[(Cover::Private, 42), (Cover::Public, 7), (Cover::None, 51)]
        } else {
            &[(Cover::Private, 59), (Cover::Public, 13), (Cover::None, 28)]
        });
        let effective = {
            let entered = self.patients.get(head)?.entered;
            entered.plus_days(-entered.days().rem_euclid(28))
        };
        if cover != Cover::None {
            let plan = if cover == Cover::Public { public_plan() } else { self.payers.any(draw) };
            let partner = self.partner(&members)?;
            self.subscribe(family, head, plan, partner, effective)?;
            if let (Some(partner), Cover::Private, true) = (partner, cover, draw.chance(340)) {
                let plan = self.payers.any(draw);
                self.subscribe(family, partner, plan, Some(head), effective)?;
            }
        }
        self.expect_change(family, draw);
        Ok(())
    }

    /// The other parent, if there is one.
    fn partner(&self, members: &[PatientKey]) -> Result<Option<PatientKey>, PracticeError> {
        let Some(second) = members.get(1).copied() else { return Ok(None) };
        let married = self.patients.get(second)?.position == PatientPosition::Married;
        Ok(married.then_some(second))
    }

    /// Lets a family's insurance change some day, most often when the year does.
    fn expect_change(&mut self, family: FamilyKey, draw: &mut Draw) {
        let days = draw.along(&[300, 1500, 3000, 4500, 6500]);
        let day = self.now.date().plus_days(days);
        let new_year = Date::from_ymd(day.ymd().0, 1, 2).filter(|first| *first > self.now.date());
        let day = if draw.chance(650) { new_year.unwrap_or(day) } else { day };
        self.later(day.days() - self.now.date().days() + draw.between(0, 12), draw, Event::Insure(family));
    }

    /// A family's insurance changes: with the employer, with retirement, or because nobody wants to pay for it any more.
    pub(crate) fn insure(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let (mut members, mut active) = (Vec::new(), false);
        for member in self.families.get(family)?.members.clone() {
            let person = self.patients.get(member)?;
            active |= person.is_active();
            // Nobody is covered anew after death.
            if person.died.is_none() {
                members.push(member);
            }
        }
        let Some(head) = members.first().copied() else { return Ok(()) };
        if !active {
            return Ok(());
        }
        let (now, today) = (self.now, self.now.date());
        let mut was_here = false;
        for member in &members {
            was_here |= self.patients.get(*member)?.last_visit.get() == Some(today);
        }
        if was_here {
            // What was done today is for the plan that was in force.
            self.later(1, &mut draw, Event::Insure(family));
            return Ok(());
        }
        let covered = !self.patients.get(head)?.coverage.is_empty();
        let account = self.families.get_mut(family)?;
        for subscription in account.subscriptions.iter_mut().filter(|s| s.ended.get().is_none()) {
            subscription.ended = today.plus_days(-1).max(subscription.effective).into();
            subscription.stamp = now.into();
        }
        for member in &members {
            let person = self.patients.get_mut(*member)?;
            person.stamp = now.max(person.stamp);
            let ended = std::mem::take(&mut person.coverage);
            person.former.extend(ended);
        }
        let cover = draw.weighted(if covered {
            &[(Cover::Private, 77), (Cover::Public, 5), (Cover::None, 18)]
        } else {
            &[(Cover::Private, 34), (Cover::Public, 6), (Cover::None, 60)]
        });
        if cover != Cover::None {
            let plan = if cover == Cover::Public { public_plan() } else { self.payers.any(&mut draw) };
            let partner = self.partner(&members)?;
            self.subscribe(family, head, plan, partner, today)?;
        }
        // Whoever is covered comes more often.
        if covered != (cover != Cover::None) {
            for member in &members {
                self.choose_habit(*member, today, &mut draw)?;
            }
        }
        self.expect_change(family, &mut draw);
        Ok(())
    }

    /// Enters a subscription of a family, and covers its members by it.
    fn subscribe(
        &mut self,
        family: FamilyKey,
        subscriber: PatientKey,
        plan: PlanKey,
        partner: Option<PatientKey>,
        effective: Date,
    ) -> Result<(), PracticeError> {
        let members = self.families.get(family)?.members.clone();
        let entered = self.now.max(self.patients.get(subscriber)?.stamp);
        let entered = if self.now.date() > self.settings.start_date {
            entered
        } else {
            self.patients.get(subscriber)?.stamp
        };
        let mut subscription = Subscription {
            number: RowNum::default(),
            plan_row: RowNum::default(),
            plan,
            subscriber,
            partner,
            identifier: self.keys.identifier.next().into(),
            effective,
            entered: entered.into(),
            ended: Day::default(),
            stamp: entered.into(),
        };
        if self.settings.preset == Preset::Stock {
            subscription.number = self.keys.subscription.next().into();
            subscription.plan_row = plan.num().into();
            add_to(&mut self.families.get_mut(family)?.subscriptions, subscription.clone());
        }
        for member in members {
            if self.patients.get(member)?.died.is_none() {
                self.cover_by(family, member, &subscription)?;
            }
        }
        Ok(())
    }

    /// Covers a newcomer as the family is covered.
    pub(crate) fn cover_newcomer(
        &mut self,
        family: FamilyKey,
        member: PatientKey,
    ) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        let mut known: Vec<Subscription> = Vec::new();
        for subscription in account.subscriptions.iter().filter(|s| s.ended.get().is_none()) {
            if !known.iter().any(|k| k.identifier == subscription.identifier) {
                known.push(subscription.clone());
            }
        }
        let married = self.patients.get(member)?.position == PatientPosition::Married;
        for mut subscription in known {
            let entered = self.now.into();
            subscription.entered = entered;
            subscription.stamp = entered;
            if married {
                subscription.partner = Some(member);
            }
            self.cover_by(family, member, &subscription)?;
        }
        Ok(())
    }

    /// Covers somebody by a subscription. One preset keeps a plan and a subscription of its own for each cover, all under
    /// one number, as a practice does that copies plans.
    fn cover_by(
        &mut self,
        family: FamilyKey,
        member: PatientKey,
        subscription: &Subscription,
    ) -> Result<(), PracticeError> {
        let number = self.keys.patient_plan.next();
        let mut subscription = subscription.clone();
        if self.settings.preset == Preset::Dbt {
            subscription.number = number.into();
            subscription.plan_row = number.into();
            self.emit_plan(number, subscription.plan, subscription.entered.time())?;
            add_to(&mut self.families.get_mut(family)?.subscriptions, subscription.clone());
        }
        let person = self.patients.get_mut(member)?;
        let relation = match member {
            key if key == subscription.subscriber => Relat::Own,
            key if Some(key) == subscription.partner => Relat::Spouse,
            _ if person.position == PatientPosition::Married => Relat::Spouse,
            _ => Relat::Child,
        };
        let coverage = Coverage {
            number: number.into(),
            plan: subscription.plan,
            plan_row: subscription.plan_row,
            subscription: subscription.number,
            relation,
            // A child may be entered long after the family.
            since: if person.entered > subscription.entered.date() {
                person.stamp.into()
            } else {
                subscription.entered
            },
            used: Vec::new(),
        };
        // One's own plan pays first.
        if relation == Relat::Own {
            add_to(&mut person.coverage, coverage);
            person.coverage.rotate_right(1);
        } else {
            add_to(&mut person.coverage, coverage);
        }
        Ok(())
    }

    /// When the front desk last went through a cover that is in force, as it does each January.
    fn reviewed(&self, number: i64) -> DateTime {
        let end = self.settings.end_date;
        let january = |year: i32| {
            let first = Date::from_ymd(year, 1, 2).unwrap_or(end);
            let day = i32::try_from(number % 27).unwrap_or_default();
            open_from(first.plus_days(day)).at_seconds(9 * 3600 + i64::from(day) * 600)
        };
        let year = end.ymd().0;
        [january(year), january(year - 1)].into_iter().find(|day| day.date() < end).unwrap_or(end.midnight())
    }

    /// Writes the subscriptions of a family.
    pub(crate) fn emit_subscriptions(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        for subscription in std::mem::take(&mut self.families.get_mut(family)?.subscriptions) {
            let Subscription {
                number,
                plan_row,
                subscriber,
                effective,
                entered,
                ended,
                stamp,
                identifier,
                ..
            } = subscription;
            let identifier = self.out.numbering().key(identifier.get());
            let stamp = match ended.get() {
                Some(_) => stamp.time(),
                None => self.reviewed(number.get()).max(stamp.time()),
            };
            self.out.row(Rows::InsSub, stamp, |r| {
                r.set("InsSubNum", number)
                    .set("PlanNum", plan_row)
                    .set("Subscriber", subscriber)
                    .set("DateEffective", effective)
                    .set("DateTerm", ended.get().unwrap_or(unset_date()))
                    .set("ReleaseInfo", true)
                    .set("AssignBen", true)
                    .set("SubscriberID", format!("ZZ{identifier:08}"))
                    .set("SecUserNumEntry", 1_i64)
                    .set("SecDateEntry", entered.date());
            })?;
        }
        Ok(())
    }

    /// Writes who is covered by which plan, in which order. Cover that has ended leaves no row.
    pub(crate) fn emit_coverage(&mut self, key: PatientKey) -> Result<(), PracticeError> {
        let person = self.patients.get(key)?;
        for (ordinal, coverage) in (1_i64..).zip(&person.coverage) {
            let reviewed = self.reviewed(coverage.subscription.get());
            let stamp = match person.died {
                Some(died) if died.time() < reviewed => coverage.since.time(),
                _ => reviewed.max(coverage.since.time()),
            };
            self.out.row(Rows::PatPlan, stamp, |r| {
                r.set("PatPlanNum", coverage.number)
                    .set("PatNum", key)
                    .set("Ordinal", ordinal)
                    .set("Relationship", coverage.relation.stored())
                    .set("InsSubNum", coverage.subscription)
                    .set("SecDateTEntry", coverage.since.time());
            })?;
        }
        Ok(())
    }

    /// Writes the row of a plan, with what it pays.
    fn emit_plan(&mut self, row: i64, plan: PlanKey, stamp: DateTime) -> Result<(), PracticeError> {
        self.payers.emit_plan(&mut self.out, row, plan, stamp)?;
        self.note_plan(row, plan, stamp)
    }
}
