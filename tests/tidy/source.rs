//! Reads Rust source well enough to judge it: without comments, texts and test modules, line numbers kept.

/// The code alone: comments, strings and characters become spaces, line breaks stay.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        let to = to.min(out.len());
        for byte in &mut out[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + end_of_block_comment(rest)
        } else if let Some(length) = raw_string(rest, at.checked_sub(1).map(|before| bytes[before])) {
            at + length
        } else if rest[0] == b'"' {
            at + end_of_string(rest)
        } else if let Some(length) = character(rest) {
            at + length
        } else {
            at += 1;
            continue;
        };
        blank(&mut out, at, end);
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `code` without items under `#[cfg(test)]`, and the modules that such an item declares in other files: by name, or by the
/// file of a `#[path]`.
pub fn product_code(text: &str) -> (String, Vec<String>) {
    let mut code = code(text);
    let mut elsewhere = Vec::new();
    while let Some(from) = code.find("#[cfg(test)]") {
        let body = &code[from + 1..];
        let mut depth = 0_i32;
        let mut length = body.len();
        for (at, c) in body.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        length = at + 1;
                        break;
                    }
                }
                ';' if depth == 0 => {
                    length = at + 1;
                    break;
                }
                _ => {}
            }
        }
        let item = &body[..length];
        if item.ends_with(';')
            && let Some((_, name)) = item.split_once("mod ")
        {
            // The name of the file stands in a string, which `code` has blanked at the same place.
            let path = text
                .get(from..from + length)
                .and_then(|t| t.split_once("path = \""))
                .and_then(|(_, rest)| rest.split_once('"'));
            elsewhere.push(path.map_or(name.trim_end_matches(';').trim(), |(path, _)| path).to_owned());
        }
        let blanked: String = code[from..=from + length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(from..=from + length, &blanked);
    }
    (code, elsewhere)
}

/// Every identifier-like word with its line, from 1.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(number, line)| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(move |word| (number + 1, word))
    })
}

fn end_of_block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn end_of_string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Length of `r"…"`, `r#"…"#` and their byte forms. `before` tells an identifier that ends in `r` from a prefix.
fn raw_string(rest: &[u8], before: Option<u8>) -> Option<usize> {
    if before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let prefix =
        if rest.starts_with(b"br") || rest.starts_with(b"cr") { 2 } else { usize::from(rest.starts_with(b"r")) };
    if prefix == 0 {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = prefix + hashes + 1;
    let found = rest[start..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(rest.len(), |at| start + at + close.len()))
}

/// Length of a character literal; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    if rest[0] != b'\'' {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest[2..].iter().skip(1).position(|&b| b == b'\'').map(|at| at + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)])
        .or_else(|e| std::str::from_utf8(&rest[1..=e.valid_up_to()]))
        .ok()?;
    let length = text.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_comments_are_not_code() {
        let judged = code(
            "let a = \"todo!() \\\" f64\"; // f64\n/* f64 /* f64 */ f64 */ let b: &'a str = r#\"f64 \" \"#; let c = '\"'; let d = '\\''; x.y();",
        );
        assert!(!judged.contains("f64") && !judged.contains("todo"), "{judged}");
        assert!(judged.contains("let b: &'a str") && judged.contains("x.y()"), "{judged}");
        assert_eq!(judged.lines().count(), 2);
        assert!(code("let e = 'é'; f64").ends_with("f64"));
    }

    #[test]
    fn test_modules_are_cut_and_the_rest_stays() {
        let (product, elsewhere) = product_code(
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { x.unwrap(); } }\n#[cfg(test)]\n#[path = \"far_tests.rs\"]\nmod tests;\nfn c() {}",
        );
        assert!(product.contains("fn a") && product.contains("fn c") && !product.contains("unwrap"), "{product}");
        assert_eq!(elsewhere, ["far_tests.rs"]);
        assert_eq!(product.lines().count(), 7);
    }
}
