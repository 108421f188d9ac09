//! A QR code as the path of an SVG: a page draws `<path d>` and takes no markup from an answer.

use account::Secret;
use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;

/// Light modules around the code; four, as ISO/IEC 18004 demands.
const QUIET: usize = 4;

/// The view box is `0 0 size size`; the path is the dark modules. As secret as what it says.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct QrPath {
    size: usize,
    path: String,
}

/// Draws a text. `None` when it is too long for a QR code, which an enrolment URI never is.
pub(crate) fn draw(text: &Secret<String>) -> Option<QrPath> {
    // EXPOSE: the picture is one of the ways in which the seed is shown, once.
    let code = text.expose(|text| QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M)).ok()?;
    let width = code.width();
    let colors = code.into_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let dark = row.iter().skip(x).take_while(|color| **color == Color::Dark).count();
            if dark > 0 {
                path.push_str(&format!("M{} {}h{dark}v1h-{dark}z", x + QUIET, y + QUIET));
            }
            // The module after a dark run is light or beyond the edge.
            x += dark + 1;
        }
    }
    Some(QrPath { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_covers_exactly_the_dark_modules() {
        let text = "otpauth://totp/Shearpin:a%40x.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Shearpin";
        let drawn = draw(&Secret::new(text.to_owned())).expect("it fits");
        let code = QrCode::with_error_correction_level(text, EcLevel::M).expect("it fits");
        assert_eq!(drawn.size, code.width() + 8);
        let mut painted = vec![Color::Light; drawn.size * drawn.size];
        for run in drawn.path.split('M').skip(1) {
            let numbers: Vec<usize> = run.split(|c: char| !c.is_ascii_digit()).filter_map(|t| t.parse().ok()).collect();
            let [x, y, right, 1, left] = numbers[..] else { panic!("{run}") };
            assert_eq!(right, left);
            painted[y * drawn.size + x..][..right].fill(Color::Dark);
        }
        let width = code.width();
        for (index, color) in code.to_colors().into_iter().enumerate() {
            let at = (index / width + QUIET) * drawn.size + index % width + QUIET;
            assert_eq!(std::mem::replace(&mut painted[at], Color::Light), color, "module {index}");
        }
        assert!(painted.iter().all(|color| *color == Color::Light), "nothing dark in the quiet zone");
    }
}
