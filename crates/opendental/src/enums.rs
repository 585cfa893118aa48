//! Enumerations that the synthetic practice stores, under Open Dental's own names.

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident = $type:ty { $($(#[$member_doc:meta])* $member:ident = $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$member_doc])* $member),+
        }

        impl $name {
            /// Every member.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// The value that the database stores.
            #[must_use]
            pub const fn stored(self) -> $type {
                match self {
                    $(Self::$member => $value),+
                }
            }

            /// The member's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$member => stringify!($member)),+
                }
            }
        }
    };
}

enumeration! {
    /// Where an appointment stands (`appointment.AptStatus`).
    ApptStatus = i64 {
        /// On the schedule.
        Scheduled = 1,
        /// The visit took place.
        Complete = 2,
        /// Waiting for a new time.
        UnschedList = 3,
        /// Missed, or cancelled too late.
        Broken = 5,
        /// Planned treatment without a time.
        Planned = 6,
    }
}

enumeration! {
    /// Where a procedure stands (`procedurelog.ProcStatus`).
    ProcStat = i64 {
        /// Planned.
        TP = 1,
        /// Complete.
        C = 2,
        /// Done here before the records began.
        EC = 3,
        /// Done elsewhere.
        EO = 4,
        /// Referred to somebody else.
        R = 5,
        /// Deleted; the row stays.
        D = 6,
        /// A condition, not a treatment.
        Cn = 7,
        /// Planned in a treatment plan that is not active.
        TPi = 8,
    }
}

enumeration! {
    /// Where a claim line stands (`claimproc.Status`).
    ClaimProcStatus = i64 {
        /// On a claim that is open.
        NotReceived = 0,
        /// Adjudicated.
        Received = 1,
        /// On a pre-authorisation.
        Preauth = 2,
        /// A change of the benefits used, without a claim.
        Adjustment = 3,
        /// A later payment on an adjudicated claim.
        Supplemental = 4,
        /// An estimate, on no claim.
        Estimate = 6,
    }
}

enumeration! {
    /// Where a claim stands (`claim.ClaimStatus`).
    ClaimStatus = &'static str {
        /// Not sent.
        Unsent = "U",
        /// Held until the primary claim is received.
        HoldForPrimary = "H",
        /// Waiting to be sent.
        Waiting = "W",
        /// Sent.
        Sent = "S",
        /// Received.
        Received = "R",
    }
}

enumeration! {
    /// Which coverage a claim is for (`claim.ClaimType`).
    ClaimType = &'static str {
        /// Primary coverage.
        Primary = "P",
        /// Secondary coverage.
        Secondary = "S",
        /// A pre-authorisation.
        PreAuth = "PreAuth",
    }
}

enumeration! {
    /// Standing of a patient (`patient.PatStatus`).
    PatientStatus = i64 {
        /// A patient.
        Patient = 0,
        /// Somebody who only pays or only holds the insurance.
        NonPatient = 1,
        /// No longer comes.
        Inactive = 2,
        /// Put away.
        Archived = 3,
        /// Deleted; the row stays.
        Deleted = 4,
        /// Dead.
        Deceased = 5,
        /// Not yet seen.
        Prospective = 6,
    }
}

enumeration! {
    /// Gender on record (`patient.Gender`).
    PatientGender = i64 {
        /// Male.
        Male = 0,
        /// Female.
        Female = 1,
        /// Unknown, or not told.
        Unknown = 2,
    }
}

enumeration! {
    /// Position in the family (`patient.Position`).
    PatientPosition = i64 {
        /// Single.
        Single = 0,
        /// Married.
        Married = 1,
        /// Child.
        Child = 2,
        /// Widowed.
        Widowed = 3,
        /// Divorced.
        Divorced = 4,
    }
}

enumeration! {
    /// What part of the mouth a code is about (`procedurecode.TreatArea`).
    TreatmentArea = i64 {
        /// None, or all of it.
        None = 0,
        /// Surfaces of a tooth.
        Surf = 1,
        /// A tooth.
        Tooth = 2,
        /// The mouth.
        Mouth = 3,
        /// A quarter.
        Quad = 4,
        /// A sixth.
        Sextant = 5,
        /// A jaw.
        Arch = 6,
        /// Several teeth.
        ToothRange = 7,
    }
}

enumeration! {
    /// Whose hours a schedule row tells (`schedule.SchedType`).
    ScheduleType = i64 {
        /// The practice: a note or a holiday.
        Practice = 0,
        /// A provider.
        Provider = 1,
        /// A stretch that is kept free.
        Blockout = 2,
        /// An employee.
        Employee = 3,
    }
}

enumeration! {
    /// Kind of a schedule row (`schedule.Status`).
    SchedStatus = i64 {
        /// Open.
        Open = 0,
        /// Closed.
        Closed = 1,
        /// Holiday.
        Holiday = 2,
    }
}

enumeration! {
    /// What the amounts of a fee schedule are (`feesched.FeeSchedType`).
    FeeScheduleType = i64 {
        /// Fees.
        Normal = 0,
        /// What the patient pays.
        CoPay = 1,
        /// What an insurer allows outside its network.
        OutNetwork = 2,
        /// What an insurer pays.
        FixedBenefit = 3,
    }
}

enumeration! {
    /// What a benefit row says (`benefit.BenefitType`).
    InsBenefitType = i64 {
        /// That there is coverage.
        ActiveCoverage = 0,
        /// A percentage.
        CoInsurance = 1,
        /// A deductible.
        Deductible = 2,
        /// A fixed share of the patient.
        CoPayment = 3,
        /// What is not covered.
        Exclusions = 4,
        /// A maximum or a frequency.
        Limitations = 5,
        /// When coverage begins.
        WaitingPeriod = 6,
    }
}

enumeration! {
    /// Stretch that a benefit runs over (`benefit.TimePeriod`).
    BenefitTimePeriod = i64 {
        /// None.
        None = 0,
        /// A year from the renewal month.
        ServiceYear = 1,
        /// A calendar year.
        CalendarYear = 2,
        /// A lifetime.
        Lifetime = 3,
        /// A number of years.
        Years = 4,
        /// The twelve months before.
        NumberInLast12Months = 5,
    }
}

enumeration! {
    /// Who a benefit counts for (`benefit.CoverageLevel`).
    BenefitCoverageLevel = i64 {
        /// Not said.
        None = 0,
        /// Each person.
        Individual = 1,
        /// The family together.
        Family = 2,
    }
}

enumeration! {
    /// What the quantity of a benefit counts (`benefit.QuantityQualifier`).
    BenefitQuantity = i64 {
        /// Nothing.
        None = 0,
        /// Services.
        NumberOfServices = 1,
        /// Years of age.
        AgeLimit = 2,
        /// Visits.
        Visits = 3,
        /// Years.
        Years = 4,
        /// Months.
        Months = 5,
    }
}

enumeration! {
    /// How a plan pays (`insplan.PlanType`).
    InsPlanType = &'static str {
        /// A percentage of the fee, no network.
        Percentage = "",
        /// A percentage of the network fee; the rest of the office fee is written off.
        PpoPercentage = "p",
        /// The patient pays fixed amounts.
        FlatCopay = "f",
        /// The office gets a fixed amount for each member.
        Capitation = "c",
    }
}

enumeration! {
    /// Kind of service that a coverage category stands for (`covcat.EbenefitCat`).
    EbenefitCategory = i64 {
        /// None.
        None = 0,
        /// Everything.
        General = 1,
        /// Finding out.
        Diagnostic = 2,
        /// Gums.
        Periodontics = 3,
        /// Fillings.
        Restorative = 4,
        /// Roots.
        Endodontics = 5,
        /// Face and jaw replacements.
        MaxillofacialProsth = 6,
        /// Crowns.
        Crowns = 7,
        /// Accidents.
        Accident = 8,
        /// Braces.
        Orthodontics = 9,
        /// Dentures, bridges and implants.
        Prosthodontics = 10,
        /// Surgery.
        OralSurgery = 11,
        /// Cleaning and prevention.
        RoutinePreventive = 12,
        /// X-rays.
        DiagnosticXRay = 13,
        /// Everything beside.
        Adjunctive = 14,
    }
}

enumeration! {
    /// How a message went (`commlog.Mode_`).
    CommItemMode = i64 {
        /// Not said.
        None = 0,
        /// E-mail.
        Email = 1,
        /// Letter.
        Mail = 2,
        /// Telephone.
        Phone = 3,
        /// Face to face.
        InPerson = 4,
        /// Text message.
        Text = 5,
    }
}

enumeration! {
    /// Direction of a message (`commlog.SentOrReceived`).
    CommSentOrReceived = i64 {
        /// A note.
        Neither = 0,
        /// Sent.
        Sent = 1,
        /// Received.
        Received = 2,
    }
}

enumeration! {
    /// Who made a message row (`commlog.CommSource`).
    CommItemSource = i64 {
        /// A person.
        User = 0,
        /// Booking on the web.
        WebSched = 1,
        /// Another program.
        ProgramLink = 2,
        /// The reminder service.
        ApptReminder = 3,
        /// Other services.
        EServices = 4,
    }
}

enumeration! {
    /// Relation to the subscriber (`patplan.Relationship`, `claim.PatRelat`).
    Relat = i64 {
        /// The subscriber; Open Dental calls it Self.
        Own = 0,
        /// Spouse.
        Spouse = 1,
        /// Child.
        Child = 2,
    }
}

enumeration! {
    /// A three-state answer.
    YN = i64 {
        /// Not answered.
        Unknown = 0,
        /// Yes.
        Yes = 1,
        /// No.
        No = 2,
    }
}

enumeration! {
    /// How somebody wants to be reached (`patient.PreferContactMethod`).
    ContactMethod = i64 {
        /// Not said.
        None = 0,
        /// Not by telephone.
        DoNotCall = 1,
        /// Telephone at home.
        HmPhone = 2,
        /// Telephone at work.
        WkPhone = 3,
        /// Mobile telephone.
        WirelessPh = 4,
        /// E-mail.
        Email = 5,
        /// Letter.
        Mail = 7,
        /// Text message.
        TextMessage = 8,
    }
}

enumeration! {
    /// What a security log row is about (`securitylog.PermType`; `EnumPermType` to Open Dental).
    Permission = i64 {
        /// A payment was entered.
        PaymentCreate = 15,
        /// An adjustment was entered.
        AdjustmentCreate = 17,
        /// A procedure was set complete.
        ProcComplCreate = 23,
        /// An appointment was made.
        AppointmentCreate = 25,
        /// An appointment was moved.
        AppointmentMove = 26,
        /// An appointment was changed.
        AppointmentEdit = 27,
        /// An insurance payment was entered.
        InsPayCreate = 36,
        /// Somebody logged on or off.
        UserLogOnOff = 83,
        /// A claim was sent.
        ClaimSend = 104,
        /// A patient was added.
        PatientCreate = 106,
        /// A patient's row was changed.
        PatientEdit = 108,
        /// A claim line was received.
        ClaimProcReceivedEdit = 125,
    }
}

enumeration! {
    /// Lists of definitions (`definition.Category`).
    DefCat = i64 {
        /// Kinds of adjustment; the value is `+` or `-`.
        AdjTypes = 1,
        /// How far an appointment is confirmed.
        ApptConfirmed = 2,
        /// Billing types.
        BillingTypes = 4,
        /// Kinds of patient payment.
        PaymentTypes = 10,
        /// Categories of procedure codes.
        ProcCodeCats = 11,
        /// Standing of recalls and unscheduled appointments.
        RecallUnschedStatus = 13,
        /// Diagnoses.
        Diagnosis = 16,
        /// Image categories.
        ImageCats = 18,
        /// Priorities of planned treatment.
        TxPriorities = 20,
        /// Kinds of blocked time.
        BlockoutTypes = 25,
        /// Kinds of message.
        CommLogTypes = 27,
        /// Kinds of prepayment.
        PaySplitUnearnedType = 29,
        /// Tracking of claims.
        ClaimCustomTracking = 31,
        /// Kinds of insurance payment.
        InsurancePaymentType = 32,
        /// Specialties.
        ProviderSpecialties = 35,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::facts;

    /// Compares stored values and names with the facts.
    macro_rules! agrees {
        ($($name:ident as $theirs:literal),+ $(,)?) => {
            $(for member in $name::ALL {
                let stored = member.stored().to_string();
                assert_eq!(facts().enumeration($theirs).unwrap().member(&stored), Some(member.name()), $theirs);
            })+
        };
    }

    #[test]
    fn numbers_and_names_agree_with_the_facts() {
        agrees!(
            ApptStatus as "ApptStatus",
            ProcStat as "ProcStat",
            ClaimProcStatus as "ClaimProcStatus",
            PatientStatus as "PatientStatus",
            PatientGender as "PatientGender",
            PatientPosition as "PatientPosition",
            TreatmentArea as "TreatmentArea",
            ScheduleType as "ScheduleType",
            SchedStatus as "SchedStatus",
            FeeScheduleType as "FeeScheduleType",
            InsBenefitType as "InsBenefitType",
            BenefitTimePeriod as "BenefitTimePeriod",
            BenefitCoverageLevel as "BenefitCoverageLevel",
            BenefitQuantity as "BenefitQuantity",
            EbenefitCategory as "EbenefitCategory",
            CommItemMode as "CommItemMode",
            CommSentOrReceived as "CommSentOrReceived",
            CommItemSource as "CommItemSource",
            YN as "YN",
            ContactMethod as "ContactMethod",
            Permission as "EnumPermType",
            DefCat as "DefCat",
        );
    }

    #[test]
    fn codes_exist() {
        for (name, codes) in [
            ("ClaimStatusCode", ClaimStatus::ALL.iter().map(|m| m.stored()).collect::<Vec<_>>()),
            ("ClaimTypeCode", ClaimType::ALL.iter().map(|m| m.stored()).collect()),
            ("InsPlanTypeCode", InsPlanType::ALL.iter().map(|m| m.stored()).collect()),
        ] {
            for code in codes {
                assert!(facts().enumeration(name).unwrap().member(code).is_some(), "{name} {code}");
            }
        }
        assert_eq!(facts().enumeration("Relat").unwrap().member("0"), Some("Self"));
    }
}
