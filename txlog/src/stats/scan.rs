//! Where in the JSON text of a file's statistics are the values that were asked for?
//!
//! A text that is laid out as one before it is compared with that one ([`Layout`]). Any other is walked once, byte by
//! byte; only the keys on the way to an asked-for column are looked at, everything
//! else is skipped without being decoded. A text that isn't one object, or breaks off, gives nothing.

use std::ops::Range;

use super::layout::Layout;
use super::read::{NUM_RECORDS, TIGHT_BOUNDS};
use crate::schema::ColumnPath;

/// The asked-for columns as a tree of names; the number of a column is its place in the list given.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    columns: Vec<usize>,
    children: Vec<(Box<str>, usize)>,
}

impl Wanted {
    pub(super) fn new<'a>(paths: impl Iterator<Item = &'a ColumnPath>) -> Wanted {
        let mut wanted = Wanted { nodes: vec![Node::default()] };
        for (column, path) in paths.enumerate() {
            let mut at = 0;
            for name in path.names() {
                at = wanted.child_or_new(at, name);
            }
            wanted.nodes[at].columns.push(column);
        }
        wanted
    }

    fn child_or_new(&mut self, parent: usize, name: &str) -> usize {
        let known = self.nodes[parent].children.iter().find(|(child, _)| **child == *name);
        if let Some((_, child)) = known {
            return *child;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[parent].children.push((name.into(), child));
        child
    }

    fn child(&self, parent: usize, key: Key<'_>) -> Option<usize> {
        self.nodes[parent].children.iter().find(|(name, _)| key.is(name)).map(|(_, child)| *child)
    }
}

/// What the text says of one value.
#[derive(Clone, Debug, Default, PartialEq)]
enum Found {
    #[default]
    Nothing,
    At(Range<usize>),
    /// Said twice: neither is believed.
    Twice,
}

/// The three kinds of statistics that a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Min = 0,
    Max = 1,
    NullCount = 2,
}

const KINDS: [(&str, Kind); 3] = [("minValues", Kind::Min), ("maxValues", Kind::Max), ("nullCount", Kind::NullCount)];

/// Where the values of one file's statistics are. Reused from file to file.
#[derive(Debug)]
pub(super) struct Values {
    num_records: Found,
    tight_bounds: Found,
    columns: Vec<[Found; 3]>,
    /// Layouts of the texts so far, the one that fitted last in front; see [`Layout`].
    layouts: Vec<Known>,
    /// How many more layouts are worth learning: a table whose texts are all different isn't.
    unlearned: usize,
    places: Vec<Range<usize>>,
}

/// A layout, and what its wanted values are.
#[derive(Debug)]
struct Known {
    layout: Layout,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    NumRecords,
    TightBounds,
    Column(usize, usize),
}

/// Layouts tried before a text is walked.
const MAX_LAYOUTS: usize = 4;
/// Layouts learned in all.
const MAX_LEARNED: usize = 64;

impl Values {
    pub(super) fn new(num_columns: usize) -> Values {
        Values {
            num_records: Found::Nothing,
            tight_bounds: Found::Nothing,
            columns: vec![Default::default(); num_columns],
            layouts: Vec::new(),
            unlearned: MAX_LEARNED,
            places: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.num_records = Found::Nothing;
        self.tight_bounds = Found::Nothing;
        self.columns.fill(Default::default());
    }

    /// Finds the values in `text`; none of them where it isn't an object as JSON has it.
    pub(super) fn locate(&mut self, text: &str, wanted: &Wanted) {
        if self.locate_as_before(text) {
            return;
        }
        self.clear();
        let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
        if self.statistics(&mut cursor, wanted).is_none() {
            self.clear();
        } else if self.unlearned > 0 {
            self.unlearned -= 1;
            self.learn(text);
        }
    }

    /// Finds the values where a text before had them, if one was laid out alike.
    fn locate_as_before(&mut self, text: &str) -> bool {
        let mut places = std::mem::take(&mut self.places);
        let fits = |known: &Known| {
            places.clear();
            places.resize(known.slots.len(), 0..0);
            known.layout.locate(text, &mut places)
        };
        let fitting = self.layouts.iter().position(fits);
        if let Some(at) = fitting {
            self.clear();
            self.layouts.swap(0, at);
            for (slot, place) in self.layouts[0].slots.iter().zip(&places) {
                match slot {
                    Slot::NumRecords => self.num_records = Found::At(place.clone()),
                    Slot::TightBounds => self.tight_bounds = Found::At(place.clone()),
                    Slot::Column(column, kind) => self.columns[*column][*kind] = Found::At(place.clone()),
                }
            }
        }
        self.places = places;
        fitting.is_some()
    }

    /// Keeps how a text is laid out in which the values have just been found.
    fn learn(&mut self, text: &str) {
        let mut found: Vec<(Slot, &Found)> =
            vec![(Slot::NumRecords, &self.num_records), (Slot::TightBounds, &self.tight_bounds)];
        for (column, kinds) in self.columns.iter().enumerate() {
            found.extend(kinds.iter().enumerate().map(|(kind, found)| (Slot::Column(column, kind), found)));
        }
        let at = |(slot, found): (Slot, &Found)| match found {
            Found::At(place) => Some((slot, place.clone())),
            Found::Nothing | Found::Twice => None,
        };
        let (slots, places): (Vec<Slot>, Vec<Range<usize>>) = found.into_iter().filter_map(at).unzip();
        if let Some(layout) = Layout::of(text, &places) {
            self.layouts.truncate(MAX_LAYOUTS - 1);
            self.layouts.insert(0, Known { layout, slots });
        }
    }

    pub(super) fn num_records<'a>(&self, text: &'a str) -> Option<&'a str> {
        slice(text, &self.num_records)
    }

    pub(super) fn tight_bounds<'a>(&self, text: &'a str) -> Option<&'a str> {
        slice(text, &self.tight_bounds)
    }

    pub(super) fn column<'a>(&self, text: &'a str, column: usize, kind: Kind) -> Option<&'a str> {
        slice(text, self.columns.get(column)?.get(kind as usize)?)
    }

    fn statistics(&mut self, cursor: &mut Cursor<'_>, wanted: &Wanted) -> Option<()> {
        let mut more = cursor.open()?;
        while more {
            let key = cursor.key()?;
            if let Some((_, kind)) = KINDS.iter().find(|(name, _)| key.is(name)) {
                self.fields(cursor, wanted, 0, *kind)?;
            } else {
                let value = cursor.value()?;
                if key.is(NUM_RECORDS) {
                    note(&mut self.num_records, value);
                } else if key.is(TIGHT_BOUNDS) {
                    note(&mut self.tight_bounds, value);
                }
            }
            more = cursor.more()?;
        }
        cursor.end()
    }

    /// A value at `node` of the tree: an object of fields, or what an asked-for column has.
    fn fields(&mut self, cursor: &mut Cursor<'_>, wanted: &Wanted, node: usize, kind: Kind) -> Option<()> {
        cursor.space();
        let start = cursor.at;
        let known = &wanted.nodes[node];
        if known.children.is_empty() || cursor.peek() != Some(b'{') {
            cursor.value()?;
        } else {
            let mut more = cursor.open()?;
            while more {
                let key = cursor.key()?;
                match wanted.child(node, key) {
                    Some(child) => self.fields(cursor, wanted, child, kind)?,
                    None => {
                        cursor.value()?;
                    }
                }
                more = cursor.more()?;
            }
        }
        for column in &known.columns {
            note(&mut self.columns[*column][kind as usize], start..cursor.at);
        }
        Some(())
    }
}

fn note(found: &mut Found, at: Range<usize>) {
    *found = if *found == Found::Nothing { Found::At(at) } else { Found::Twice };
}

fn slice<'a>(text: &'a str, found: &Found) -> Option<&'a str> {
    match found {
        Found::At(range) => text.get(range.clone()),
        _ => None,
    }
}

/// A key as it is written, quotes included.
#[derive(Clone, Copy, Debug)]
struct Key<'a>(&'a [u8]);

impl Key<'_> {
    fn is(self, name: &str) -> bool {
        let written = &self.0[1..self.0.len() - 1];
        if written.contains(&b'\\') {
            return serde_json::from_slice::<String>(self.0).is_ok_and(|key| key == name);
        }
        written == name.as_bytes()
    }
}

/// A place in the text. Every step is `None` where the text isn't JSON.
#[derive(Debug)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Enters an object; whether it has a member.
    fn open(&mut self) -> Option<bool> {
        self.space();
        (self.peek()? == b'{').then_some(())?;
        self.at += 1;
        self.space();
        let empty = self.peek()? == b'}';
        self.at += usize::from(empty);
        Some(!empty)
    }

    /// After a member: whether another follows. Leaves the object when none does.
    fn more(&mut self) -> Option<bool> {
        self.space();
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    /// Past a key and its colon.
    fn key(&mut self) -> Option<Key<'a>> {
        self.space();
        let key = self.string()?;
        self.space();
        (self.peek()? == b':').then_some(())?;
        self.at += 1;
        Some(Key(key))
    }

    /// Past a string; what was passed, quotes included.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        (self.peek()? == b'"').then_some(())?;
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..)?;
            let step = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            self.at += step + 1;
            if rest[step] == b'"' {
                return self.text.get(start..self.at);
            }
            self.at += 1;
        }
    }

    /// Past a value of any kind; where it stood.
    fn value(&mut self) -> Option<Range<usize>> {
        self.space();
        let start = self.at;
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.nested()?,
            _ => {
                let rest = &self.text[start..];
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                (self.at > start).then_some(())?;
            }
        }
        Some(start..self.at)
    }

    /// Past an object or array: brackets are counted, not matched, as nothing in it is read.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn end(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len()).then_some(())
    }
}
