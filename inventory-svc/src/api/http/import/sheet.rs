//! A file of products, read into what cannot be invalid, with everything that is wrong with it.

use std::{collections::HashMap, fmt, str};

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};

use crate::domain::{
    Category, Column, Fault, ImportRow, InvalidProduct, Money, Pieces, ProductName, Sku,
};

/// A file whose first line is understood.
pub(super) struct Sheet<'a> {
    reader: Reader<&'a [u8]>,
    lines: Lines<'a>,
    columns: Vec<Column>,
}

impl<'a> Sheet<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// What is wrong with it; or that the file is not UTF-8.
    pub(super) fn open(file: &'a [u8]) -> Result<Self, Vec<Fault>> {
        let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
        let mut lines = Lines::new(file);
        if let Err(error) = str::from_utf8(file) {
            let line = lines.of(error.valid_up_to());
            return Err(vec![Fault::of_line(line, "the file is not UTF-8")]);
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            // A line of another length is a fault of its own, not the end.
            .flexible(true)
            .trim(Trim::All)
            .from_reader(file);
        let mut header = ByteRecord::new();
        let found = reader.read_byte_record(&mut header);
        let line = lines.of_record(&header);
        if !matches!(found, Ok(true)) {
            let detail = "a line with the names of the columns comes first";
            return Err(vec![Fault::of_line(line, detail)]);
        }
        let columns = columns(&header)
            .map_err(|details| {
                details
                    .into_iter()
                    .map(|detail| Fault::of_line(line, detail))
            })
            .map_err(Iterator::collect::<Vec<_>>)?;
        Ok(Self {
            reader,
            lines,
            columns,
        })
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }

    /// The lines that can be used, and what is wrong with the others; None if there are more than `most`. A line whose
    /// cells are all empty says nothing: spreadsheets leave such at the end.
    pub(super) fn read(mut self, most: usize) -> Option<(Vec<ImportRow>, Vec<Fault>)> {
        let mut record = ByteRecord::new();
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        let mut seen: HashMap<Sku, u64> = HashMap::new();
        let mut count = 0;
        // Reading from memory does not fail.
        while matches!(self.reader.read_byte_record(&mut record), Ok(true)) {
            let line = self.lines.of_record(&record);
            if record.iter().all(<[u8]>::is_empty) {
                continue;
            }
            count += 1;
            if count > most {
                return None;
            }
            if record.len() != self.columns.len() {
                faults.push(Fault::of_line(
                    line,
                    format_args!(
                        "it has {} cells, and the first line names {} columns",
                        record.len(),
                        self.columns.len()
                    ),
                ));
                continue;
            }
            let mut cells = Cells {
                line,
                columns: &self.columns,
                record: &record,
                faults: &mut faults,
            };
            let Some(row) = cells.row(&mut seen) else {
                continue;
            };
            rows.push(row);
        }
        Some((rows, faults))
    }
}

/// Which column each cell is of; or what is wrong with the names.
fn columns(header: &ByteRecord) -> Result<Vec<Column>, Vec<String>> {
    let mut columns = Vec::new();
    let mut wrong = Vec::new();
    for cell in header {
        let name = String::from_utf8_lossy(cell);
        match Column::ALL
            .into_iter()
            .find(|column| column.as_str() == name)
        {
            Some(column) if columns.contains(&column) => {
                wrong.push(format!("the column `{name}` comes twice"));
            }
            Some(column) => columns.push(column),
            None => {
                let known = Column::ALL.map(Column::as_str).join(", ");
                let name: String = name.chars().take(100).collect();
                wrong.push(format!("no column is called `{name}`; there are {known}"));
            }
        }
    }
    if wrong.is_empty() && !columns.contains(&Column::Sku) {
        wrong.push("the column `sku` is missing".to_owned());
    }
    if wrong.is_empty() {
        Ok(columns)
    } else {
        Err(wrong)
    }
}

/// One line, as it is read.
struct Cells<'a> {
    line: u64,
    columns: &'a [Column],
    record: &'a ByteRecord,
    faults: &'a mut Vec<Fault>,
}

impl Cells<'_> {
    /// The line; None if anything is wrong with it. `seen` are the SKUs of the lines before.
    fn row(&mut self, seen: &mut HashMap<Sku, u64>) -> Option<ImportRow> {
        let before = self.faults.len();
        let sku = self.value(Column::Sku, Sku::parse);
        match &sku {
            Some(sku) => {
                let first = *seen.entry(sku.clone()).or_insert(self.line);
                if first != self.line {
                    self.wrong(
                        Column::Sku,
                        format_args!("line {first} has this SKU already"),
                    );
                }
            }
            None if self.faults.len() == before => self.wrong(Column::Sku, InvalidProduct::Sku),
            None => {}
        }
        let name = self.value(Column::Name, ProductName::parse);
        let price = self.value(Column::Price, |cell| {
            cell.parse()
                .map_err(|_| InvalidProduct::Price)
                .and_then(Money::amount)
        });
        let currency = self.value(Column::Currency, Money::currency);
        let category = self.value(Column::Category, Category::parse);
        let on_hand = self.value(Column::OnHand, pieces);
        let low_threshold = self.value(Column::LowThreshold, pieces);
        let backorder_limit = self.value(Column::BackorderLimit, pieces);
        if self.faults.len() > before {
            return None;
        }
        Some(ImportRow {
            line: self.line,
            sku: sku?,
            name,
            price,
            currency,
            category,
            on_hand,
            low_threshold,
            backorder_limit,
        })
    }

    /// What the cell says; None if it is empty, not there, or wrong.
    fn value<T, E: fmt::Display>(
        &mut self,
        column: Column,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let index = self.columns.iter().position(|known| *known == column)?;
        // The whole file is UTF-8, and cells end at ASCII characters.
        let cell = str::from_utf8(self.record.get(index)?).ok()?;
        if cell.is_empty() {
            return None;
        }
        match parse(cell) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(column, error);
                None
            }
        }
    }

    fn wrong(&mut self, column: Column, detail: impl fmt::Display) {
        self.faults.push(Fault::of(self.line, column, detail));
    }
}

fn pieces(cell: &str) -> Result<Pieces, &'static str> {
    cell.parse()
        .ok()
        .and_then(Pieces::parse)
        .ok_or("from 0 to 1,000,000,000 pieces")
}

/// Counts lines as an editor does: each ends with `\n`, `\r\n` or `\r`. The reader's own count is of where it looked
/// last: before empty lines, and before the second half of `\r\n`.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            counted: 0,
            line: 1,
        }
    }

    /// The line of a record; they come in their order.
    fn of_record(&mut self, record: &ByteRecord) -> u64 {
        let start = record
            .position()
            .and_then(|position| usize::try_from(position.byte()).ok())
            .unwrap_or(self.counted);
        let rest = self.text.get(start..).unwrap_or_default();
        let skipped = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        self.of(start + skipped)
    }

    /// The line of a byte; not before the one that was asked for last.
    fn of(&mut self, byte: usize) -> u64 {
        while self.counted < byte.min(self.text.len()) {
            let at = self.counted;
            let ends = match self.text[at] {
                b'\n' => true,
                b'\r' => self.text.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(ends);
            self.counted += 1;
        }
        self.line
    }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
