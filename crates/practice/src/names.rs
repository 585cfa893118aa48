//! Names, places and texts. Names are drawn part by part from public counts of common names, so that nobody real is
//! meant; streets, towns, carriers and employers do not exist.

use std::fmt;
use std::sync::LazyLock;

use bicuspid_model::Value;

use crate::draw::Draw;

/// The ten most common surnames of the United States with their share in a hundred thousand people (Census Bureau,
/// 2010).
const COMMON_SURNAMES: &[(&str, u32)] = &[
    ("Smith", 828),
    ("Johnson", 655),
    ("Williams", 551),
    ("Brown", 487),
    ("Jones", 483),
    ("Garcia", 395),
    ("Miller", 393),
    ("Davis", 379),
    ("Rodriguez", 371),
    ("Martinez", 360),
];

/// Further common surnames; here each as likely as the others, and all of them together as the rare ones leave room.
#[rustfmt::skip]
const SURNAMES: &[&str] = &[
    "Hernandez", "Lopez", "Gonzalez", "Wilson", "Anderson", "Thomas", "Taylor", "Moore", "Jackson",
    "Martin", "Lee", "Perez", "Thompson", "White", "Harris", "Sanchez", "Clark", "Ramirez", "Lewis",
    "Robinson", "Walker", "Young", "Allen", "King", "Wright", "Scott", "Torres", "Nguyen", "Hill",
    "Flores", "Green", "Adams", "Nelson", "Baker", "Hall", "Rivera", "Campbell", "Mitchell", "Carter",
    "Roberts", "Gomez", "Phillips", "Evans", "Turner", "Diaz", "Parker", "Cruz", "Edwards", "Collins",
    "Reyes", "Stewart", "Morris", "Morales", "Murphy", "Cook", "Rogers", "Gutierrez", "Ortiz", "Morgan",
    "Cooper", "Peterson", "Bailey", "Reed", "Kelly", "Howard", "Ramos", "Kim", "Cox", "Ward",
    "Richardson", "Watson", "Brooks", "Chavez", "Wood", "James", "Bennett", "Gray", "Mendoza", "Ruiz",
    "Hughes", "Price", "Alvarez", "Castillo", "Sanders", "Patel", "Myers", "Long", "Ross", "Foster",
    "Jimenez", "Powell", "Jenkins", "Perry", "Russell", "Sullivan", "Bell", "Coleman", "Butler",
    "Henderson", "Barnes", "Gonzales", "Fisher", "Vasquez", "Simmons", "Romero", "Jordan", "Patterson",
    "Alexander", "Hamilton", "Graham", "Reynolds", "Griffin", "Wallace", "Moreno", "West", "Cole",
    "Hayes", "Bryant", "Herrera", "Gibson", "Ellis", "Tran", "Medina", "Aguilar", "Stevens", "Murray",
    "Ford", "Castro", "Marshall", "Owens", "Harrison", "Fernandez", "McDonald", "Woods", "Washington",
    "Kennedy", "Wells", "Vargas", "Henry", "Chen", "Freeman", "Webb", "Tucker", "Guzman", "Burns",
    "Crawford", "Olson", "Simpson", "Porter", "Hunter", "Gordon", "Mendez", "Silva", "Shaw", "Snyder",
    "Mason", "Dixon", "Munoz", "Hunt", "Hicks", "Holmes", "Palmer", "Wagner", "Black", "Robertson",
    "Boyd", "Rose", "Stone", "Salazar", "Fox", "Warren", "Mills", "Meyer", "Rice", "Schmidt", "Garza",
    "Daniels", "Ferguson", "Nichols", "Stephens", "Soto", "Weaver", "Ryan", "Gardner", "Payne", "Grant",
    "Dunn", "Kelley", "Spencer", "Hawkins", "Arnold", "Pierce", "Hansen", "Peters", "Santos", "Hart",
    "Bradley", "Knight", "Elliott", "Cunningham", "Duncan", "Armstrong", "Hudson", "Carroll", "Lane",
    "Riley", "Andrews", "Alvarado", "Ray", "Delgado", "Berry", "Perkins", "Hoffman", "Johnston",
    "Matthews", "Pena", "Richards", "Contreras", "Willis", "Carpenter", "Lawrence", "Sandoval",
    "Guerrero", "George", "Chapman", "Rios", "Estrada", "Ortega", "Watkins", "Greene", "Nunez", "Wheeler",
    "Valdez", "Harper", "Burke", "Larson", "Santiago", "Maldonado", "Morrison", "Franklin", "Carlson",
    "Austin", "Dominguez", "Carr", "Lawson", "Jacobs", "Obrien", "Lynch", "Singh", "Vega", "Bishop",
    "Montgomery", "Oliver", "Jensen", "Harvey", "Williamson", "Gilbert", "Dean", "Sims", "Espinoza",
    "Howell", "Li", "Wong", "Reid", "Hanson", "Le", "McCoy", "Garrett", "Burton", "Fuller", "Wang",
    "Weber", "Welch", "Rojas", "Lucas", "Marquez", "Fields", "Park", "Yang", "Little", "Banks", "Padilla",
    "Day", "Walsh", "Bowman", "Schultz", "Luna", "Fowler", "Mejia",
];

/// First names of men.
#[rustfmt::skip]
const MEN: &[&str] = &[
    "James", "Robert", "John", "Michael", "David", "William", "Richard", "Joseph", "Thomas",
    "Christopher", "Charles", "Daniel", "Matthew", "Anthony", "Mark", "Donald", "Steven", "Andrew",
    "Paul", "Joshua", "Kenneth", "Kevin", "Brian", "Timothy", "Ronald", "George", "Jason", "Edward",
    "Jeffrey", "Ryan", "Jacob", "Nicholas", "Gary", "Eric", "Jonathan", "Stephen", "Larry", "Justin",
    "Scott", "Brandon", "Benjamin", "Samuel", "Gregory", "Alexander", "Patrick", "Frank", "Raymond",
    "Jack", "Dennis", "Jerry",
];

/// First names of women.
#[rustfmt::skip]
const WOMEN: &[&str] = &[
    "Mary", "Patricia", "Jennifer", "Linda", "Elizabeth", "Barbara", "Susan", "Jessica", "Karen", "Sarah",
    "Lisa", "Nancy", "Sandra", "Betty", "Ashley", "Emily", "Kimberly", "Margaret", "Donna", "Michelle",
    "Carol", "Amanda", "Melissa", "Deborah", "Stephanie", "Rebecca", "Sharon", "Laura", "Cynthia",
    "Dorothy", "Amy", "Kathleen", "Angela", "Shirley", "Emma", "Brenda", "Pamela", "Nicole", "Anna",
    "Samantha", "Katherine", "Christine", "Debra", "Rachel", "Carolyn", "Janet", "Maria", "Olivia",
    "Heather", "Helen",
];

/// First names of boys.
#[rustfmt::skip]
const BOYS: &[&str] = &[
    "Liam", "Noah", "Oliver", "Elijah", "Lucas", "Mason", "Logan", "Ethan", "Aiden", "Jackson",
    "Sebastian", "Mateo", "Henry", "Owen", "Levi", "Wyatt", "Julian", "Leo", "Luke", "Grayson", "Isaac",
    "Gabriel", "Anthony", "Dylan", "Caleb", "Hudson", "Asher", "Ezra", "Theodore", "Miles",
];

/// First names of girls.
#[rustfmt::skip]
const GIRLS: &[&str] = &[
    "Charlotte", "Amelia", "Sophia", "Isabella", "Ava", "Mia", "Evelyn", "Luna", "Harper", "Camila",
    "Sofia", "Scarlett", "Aria", "Penelope", "Chloe", "Layla", "Mila", "Nora", "Hazel", "Ellie", "Violet",
    "Aurora", "Lily", "Zoe", "Stella", "Lucy", "Paisley", "Savannah", "Ruby", "Naomi",
];

/// Streets that do not exist.
#[rustfmt::skip]
const STREETS: &[&str] = &[
    "Quillfeather Lane", "Marrowstone Court", "Tumbledown Road", "Lanternfish Way", "Ottersgate Avenue",
    "Peppercorn Close", "Gallowglass Drive", "Bramblewick Street", "Foxhollow Spur", "Candlewright Lane",
    "Mossbeard Terrace", "Thimbleberry Loop", "Whistledown Road", "Saltmarrow Avenue",
    "Copperkettle Street", "Duskwater Drive", "Harrowgate Bend", "Juniperfall Way", "Kestrelmoor Road",
    "Larkspindle Court",
];

/// Towns that do not exist, each with its ZIP code from the range that is not assigned.
const TOWNS: &[(&str, &str)] = &[
    ("Alder Hollow", "00112"),
    ("Brackenford", "00134"),
    ("Cinder Falls", "00156"),
    ("Dunmarrow", "00178"),
    ("Eddywater", "00211"),
    ("Fennimore Gap", "00233"),
];

/// Trades of employers that do not exist.
#[rustfmt::skip]
const EMPLOYERS: &[&str] = &[
    "Foundry", "Logistics", "Farms", "Schools", "Paper", "Freight", "Hospital Staff", "Printing", "Instruments",
    "Quarry", "Council", "Foods", "Software", "Cartage", "Tools", "Music", "Hotels", "Retail", "Utilities", "Dairy",
    "Timber", "Ceramics", "Garages",
];

/// First halves of carrier names.
#[rustfmt::skip]
const CARRIER_FIRST: &[&str] = &[
    "Alderbrook", "Bellwether", "Cormorant", "Dovetail", "Ebbtide", "Fieldfare", "Goldcrest", "Harebell",
    "Ironbark", "Juniper Gate", "Kingsfoil", "Larchmont Hill", "Meadowlark", "Nightjar", "Osprey Bay",
    "Pennywhistle", "Quarrybank", "Ravensmere", "Silverbirch", "Tidewater", "Upland", "Velvetleaf", "Whinchat",
    "Yellowhammer",
];

/// Second halves of carrier names.
#[rustfmt::skip]
const CARRIER_SECOND: &[&str] = &[
    "Dental Mutual", "Smile Assurance", "Oral Health Trust", "Benefit Society", "Dental Guild", "Tooth & Gum Union",
    "Health Cooperative", "Dental Fellowship", "Care Assurance", "Workers' Dental Fund", "Benefit Trust",
    "Oral Care Mutual", "Dental Partners", "Family Dental Society", "Group Benefits", "Employers' Dental",
    "Community Dental Plan", "Smile League", "Dental Shield", "Mutual Benefit", "Oral Health Society",
    "Provident Dental", "Friendly Society", "Dental Alliance",
];

/// Number of carriers that differ.
pub(crate) const CARRIER_COUNT: usize = CARRIER_FIRST.len() * CARRIER_SECOND.len();

/// First halves of surnames after places.
#[rustfmt::skip]
const PLACE_FIRST: &[&str] = &[
    "Alder", "Ash", "Barn", "Beck", "Birch", "Brad", "Bram", "Brock", "Brom", "Burn", "Carl", "Chad", "Clay", "Cold",
    "Crow", "Dal", "Dray", "Dun", "East", "Elm", "Fair", "Farn", "Fen", "Gold", "Gran", "Hal", "Hart", "Hazel", "Heath",
    "Hol", "Hor", "Kemp", "Ken", "King", "Lang", "Lin", "Lock", "Mar", "May", "Mel", "Mid", "Mill", "Nor", "Oak", "Old",
    "Pem", "Red", "Rock", "Rush", "Sand", "Sel", "Shel", "Stan", "Stock", "Sut", "Thorn", "Tol", "Wal", "War", "Wel",
    "Whit", "Wim", "Win", "Wood",
];

/// Second halves of surnames after places.
#[rustfmt::skip]
const PLACE_SECOND: &[&str] = &[
    "acre", "beck", "borne", "bourne", "bridge", "brook", "burn", "by", "combe", "cote", "croft", "dale", "den", "don",
    "field", "ford", "gate", "grave", "ham", "hurst", "land", "ley", "low", "man", "mere", "more", "ridge", "stead",
    "ton", "wick", "worth",
];

/// Surnames after places, of which there are as many as a region has hamlets.
static PLACE_SURNAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    PLACE_FIRST
        .iter()
        .flat_map(|first| PLACE_SECOND.iter().map(move |second| format!("{first}{second}")))
        .collect()
});

/// Chance in a thousand that a surname that is none of the ten is at least common: the three hundred most common are those
/// of about a quarter of the people, the others are rare each by itself.
const COMMON_PERMILLE: u32 = 240;

/// A surname.
pub(crate) fn surname(draw: &mut Draw) -> &'static str {
    let common: u32 = COMMON_SURNAMES.iter().map(|(_, weight)| weight).sum();
    if draw.below(100_000) < common {
        draw.weighted(COMMON_SURNAMES)
    } else if draw.chance(COMMON_PERMILLE) {
        draw.pick(SURNAMES)
    } else {
        let position = draw.position(PLACE_SURNAMES.len());
        PLACE_SURNAMES.get(position).map_or("", String::as_str)
    }
}

/// A first name that fits sex and generation.
pub(crate) fn first_name(draw: &mut Draw, female: bool, child: bool) -> &'static str {
    draw.pick(match (female, child) {
        (false, false) => MEN,
        (true, false) => WOMEN,
        (false, true) => BOYS,
        (true, true) => GIRLS,
    })
}

/// House number and street.
pub(crate) fn street(draw: &mut Draw) -> String {
    Street::any(draw).to_string()
}

/// Town and ZIP code.
pub(crate) fn town(draw: &mut Draw) -> (&'static str, &'static str) {
    Town::any(draw).named()
}

/// A house in a street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Street {
    house: u16,
    street: u8,
}

impl Street {
    pub(crate) fn any(draw: &mut Draw) -> Self {
        let house = u16::try_from(draw.between(10, 9990)).unwrap_or_default();
        Self { house, street: u8::try_from(draw.position(STREETS.len())).unwrap_or_default() }
    }
}

impl fmt::Display for Street {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.house, STREETS.get(usize::from(self.street)).copied().unwrap_or_default())
    }
}

impl From<Street> for Value {
    fn from(street: Street) -> Self {
        Self::from(street.to_string())
    }
}

/// A town by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Town(u8);

impl Town {
    pub(crate) fn any(draw: &mut Draw) -> Self {
        Self(u8::try_from(draw.position(TOWNS.len())).unwrap_or_default())
    }

    /// Name and ZIP code.
    pub(crate) fn named(self) -> (&'static str, &'static str) {
        town_of(usize::from(self.0))
    }
}

/// Every part of a name.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let listed = [SURNAMES, MEN, WOMEN, BOYS, GIRLS, INITIALS].into_iter().flatten().copied();
    let common = COMMON_SURNAMES.iter().map(|(name, _)| *name);
    let mut words: Vec<&'static str> =
        listed.chain(common).chain(PLACE_SURNAMES.iter().map(String::as_str)).collect();
    words.sort_unstable();
    words.dedup();
    words
});

/// Part of a name by its place among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u16);

impl Word {
    /// A part of a name, which is one of the lists'.
    pub(crate) fn of(text: &str) -> Self {
        let place = WORDS.binary_search(&text).unwrap_or_default();
        Self(u16::try_from(place).unwrap_or_default())
    }

    /// The part itself.
    pub(crate) fn text(self) -> &'static str {
        WORDS.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl From<Word> for Value {
    fn from(word: Word) -> Self {
        Self::from(word.text())
    }
}

/// Initials of middle names; some have none.
const INITIALS: &[&str] = &["A", "B", "C", "D", "E", "J", "K", "L", "M", "R", "S", ""];

/// The initial of a middle name.
pub(crate) fn initial(draw: &mut Draw) -> &'static str {
    draw.pick(INITIALS)
}

/// The town with this number, and its ZIP code.
pub(crate) fn town_of(number: usize) -> (&'static str, &'static str) {
    TOWNS.get(number % TOWNS.len()).copied().unwrap_or_default()
}

/// The street with this number.
pub(crate) fn street_of(number: usize) -> &'static str {
    STREETS.get(number % STREETS.len()).copied().unwrap_or_default()
}

/// The state that every made-up town lies in; it is real, so that maps and state rules have something to show.
pub(crate) const STATE: &str = "OR";

/// A telephone number from the block that is kept for fiction: any area code, then 555-0100 to 555-0199.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phone {
    area: u16,
    line: u8,
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:03})555-01{:02}", self.area, self.line)
    }
}

impl From<Phone> for Value {
    fn from(phone: Phone) -> Self {
        Self::text(phone.to_string())
    }
}

/// Some telephone number.
pub(crate) fn phone(draw: &mut Draw) -> Phone {
    let area = draw.pick(&[503, 541, 971, 458]);
    Phone { area, line: u8::try_from(draw.below(100)).unwrap_or_default() }
}

/// A mailbox that cannot exist: the domain is kept for examples.
pub(crate) fn mailbox(first: &str, last: &str, number: i64) -> String {
    format!("{first}.{last}{number}@example.com").to_lowercase()
}

/// What employers are called after, besides their trade.
#[rustfmt::skip]
const EMPLOYER_FIRST: &[&str] = &[
    "Ashlarfield", "Bluefinch", "Cobblewright", "Dappledown", "Evenrigg", "Fallowmere", "Greybarrow",
    "Hollowbrook", "Inkwell", "Jackdaw", "Kettlestone", "Lowermoor", "Mistlehurst", "Northwicket", "Oddfellow",
    "Pinchbeck", "Quaverly", "Rookery", "Sandglass", "Tarnbeck", "Umberfield", "Vetchling", "Wickerby",
    "Yarrowgate", "Zephyrstone", "Amberwick", "Brindlecote", "Cloverhythe",
];

/// Number of employers that differ.
pub(crate) const EMPLOYER_COUNT: usize = EMPLOYER_FIRST.len() * EMPLOYERS.len();

/// The employer with this number; the first [`EMPLOYER_COUNT`] differ.
pub(crate) fn employer(number: usize) -> String {
    let first = EMPLOYER_FIRST.get(number % EMPLOYER_FIRST.len()).copied().unwrap_or_default();
    let trade = number / EMPLOYER_FIRST.len() + number;
    format!("{first} {}", EMPLOYERS.get(trade % EMPLOYERS.len()).copied().unwrap_or_default())
}

/// The carrier with this number; the first [`CARRIER_COUNT`] differ.
pub(crate) fn carrier(number: usize) -> String {
    let first = CARRIER_FIRST.get(number % CARRIER_FIRST.len()).copied().unwrap_or_default();
    let second =
        CARRIER_SECOND.get(number / CARRIER_FIRST.len() % CARRIER_SECOND.len()).copied().unwrap_or_default();
    format!("{first} {second}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;
    use std::collections::HashSet;

    #[test]
    fn every_part_of_a_name_is_found_again() {
        let lists = [SURNAMES, MEN, WOMEN, BOYS, GIRLS, INITIALS];
        let all = lists.into_iter().flatten().copied().chain(COMMON_SURNAMES.iter().map(|(name, _)| *name));
        for word in all.chain(PLACE_SURNAMES.iter().map(String::as_str)) {
            assert_eq!(Word::of(word).text(), word);
        }
        assert!(WORDS.len() < 65_536);
    }

    #[test]
    fn carriers_differ() {
        let names: HashSet<String> = (0..CARRIER_COUNT).map(carrier).collect();
        assert_eq!(names.len(), CARRIER_COUNT);
    }

    #[test]
    fn employers_differ() {
        let names: HashSet<String> = (0..EMPLOYER_COUNT).map(employer).collect();
        assert_eq!(names.len(), EMPLOYER_COUNT);
    }

    #[test]
    fn telephones_are_fiction() {
        let mut draw = Draw::new(3, Stream::Office, 0, 0);
        for _ in 0..1000 {
            let phone = phone(&mut draw).to_string();
            assert!(phone.len() == 13 && phone.get(5..11) == Some("555-01"), "{phone}");
        }
    }

    #[test]
    fn the_most_common_surname_is_as_common_as_it_should_be() {
        let mut draw = Draw::new(3, Stream::Office, 0, 1);
        let smiths = (0..100_000).filter(|_| surname(&mut draw) == "Smith").count();
        assert!((700..960).contains(&smiths), "{smiths}");
    }
}
