use super::*;

fn read(file: &str) -> (Vec<ImportRow>, Vec<String>) {
    let sheet = Sheet::open(file.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"));
    let (rows, faults) = sheet.read(100).unwrap();
    (rows, places(&faults))
}

/// `7 price`
fn places(faults: &[Fault]) -> Vec<String> {
    faults
        .iter()
        .map(|fault| match fault.column {
            Some(column) => format!("{} {}", fault.line, column.as_str()),
            None => fault.line.to_string(),
        })
        .collect()
}

fn refused(file: &[u8]) -> Vec<Fault> {
    Sheet::open(file).err().unwrap()
}

#[test]
fn columns_come_in_any_order_and_empty_cells_say_nothing() {
    let (rows, faults) = read(
        "\u{feff}price, sku ,name,currency,on_hand,category\n255,A,\"Mug, \"\"red\"\"\",GBP,7,Mugs\n,B,,,, \n",
    );
    assert_eq!(faults, [""; 0]);
    let [first, second] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!((first.line, first.sku.as_str()), (2, "A"));
    assert_eq!(first.name.as_ref().unwrap().as_str(), "Mug, \"red\"");
    assert_eq!(first.price, Some(255));
    assert_eq!(first.currency.unwrap().code(), "GBP");
    assert_eq!(first.on_hand.unwrap().get(), 7);
    assert_eq!(first.category.as_ref().unwrap().as_str(), "Mugs");
    assert_eq!((first.low_threshold, first.backorder_limit), (None, None));
    assert_eq!(
        second,
        &ImportRow {
            line: 3,
            sku: Sku::parse("B").unwrap(),
            name: None,
            price: None,
            currency: None,
            category: None,
            on_hand: None,
            low_threshold: None,
            backorder_limit: None,
        }
    );
}

#[test]
fn each_fault_has_its_line_and_column() {
    let (rows, faults) = read(concat!(
        "sku,name,price,currency,category,on_hand,low_threshold,backorder_limit\n",
        "a b,\"x\ny\",-1,gbp,\"a\tb\",x,-1,1000000001\n",
        "A,Mug,1.5,GBP,,,,\n",
        ",Mug,1,GBP,,,,\n",
        "B,Mug\n",
        "C,,,,,,,,\n",
        "D,,,,,,,\n",
    ));
    assert_eq!(
        faults,
        [
            "2 sku",
            "2 name",
            "2 price",
            "2 currency",
            "2 category",
            "2 on_hand",
            "2 low_threshold",
            "2 backorder_limit",
            // The line before is two in an editor.
            "4 price",
            "5 sku",
            "6",
            "7",
        ]
    );
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].line, rows[0].sku.as_str()), (8, "D"));
}

#[test]
fn a_sku_comes_once_even_if_its_first_line_is_at_fault() {
    let (rows, faults) = read("sku,price\nA,1\nB,x\nA,2\nB,3\na,4\n");
    assert_eq!(faults, ["3 price", "4 sku", "5 sku"]);
    let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 6]);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n", "\r"] {
        let file = [
            "sku,name", "A,a", "", "", "B,b", ",", "C,\"c", "d\"", "D,d", "",
        ]
        .join(end);
        let (rows, faults) = read(&file);
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 5, 9], "{end:?}");
        assert_eq!(faults, ["7 name"], "{end:?}");
    }
    // The file may begin with empty lines, and end without an end of line.
    let (rows, _) = read("\n\r\nsku\n\nA");
    assert_eq!(rows[0].line, 5);
}

#[test]
fn a_header_that_is_not_understood_is_refused() {
    for (file, expected) in [
        (&b""[..], "names of the columns comes first"),
        (b"\n\n", "names of the columns comes first"),
        (b"name,price\n", "`sku` is missing"),
        (b"sku,name,sku\n", "`sku` comes twice"),
        (b"sku;name\nA;a\n", "no column is called `sku;name`"),
        (b"sku,colour\n", "no column is called `colour`"),
        (b"sku,\n", "no column is called ``"),
    ] {
        let faults = refused(file);
        assert!(faults[0].detail.contains(expected), "{faults:?}");
    }
    let faults = refused(b"sku,name\nA,a\nB,\xe9\n");
    assert_eq!(
        (places(&faults), faults[0].detail.as_str()),
        (vec!["3".to_owned()], "the file is not UTF-8")
    );
}

#[test]
fn a_file_of_too_many_lines_is_not_read() {
    let file = b"sku\nA\n\nB\nC\n";
    assert!(
        Sheet::open(file)
            .unwrap_or_else(|_| panic!())
            .read(2)
            .is_none()
    );
    assert!(
        Sheet::open(file)
            .unwrap_or_else(|_| panic!())
            .read(3)
            .is_some()
    );
}
