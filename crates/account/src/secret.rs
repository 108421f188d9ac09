//! Values that must not be seen: wiped on drop, never printed, never copied by accident.

use std::fmt;

use zeroize::Zeroize;

/// A secret value. Prints `Secret(..)`; has no `Clone`, `PartialEq` or `Serialize`, so it cannot leak through them.
///
/// ```
/// let secret = account::Secret::new(String::from("k"));
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(String::len), 1);
/// ```
/// The same with a copy, a comparison or a way out does not compile:
/// ```compile_fail,E0599
/// let secret = account::Secret::new(String::from("k"));
/// let copy = secret.clone();
/// ```
/// ```compile_fail,E0369
/// let secret = account::Secret::new(String::from("k"));
/// assert!(secret == account::Secret::new(String::from("k")));
/// ```
/// ```compile_fail,E0277
/// let secret = account::Secret::new(String::from("k"));
/// serde_json::to_string(&secret);
/// ```
/// ```compile_fail,E0277
/// let secret = account::Secret::new(String::from("k"));
/// format!("{secret}");
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
    /// Shows the value to `look` and to nothing else. Every call says why in a comment `// EXPOSE: why`.
    pub fn expose<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0)
    }
}
impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
impl<'de, T: Zeroize + serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    /// Reads a secret from a request body; there is no way back out.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::deserialize(d).map(Secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kx_5_a_secret_is_not_printed() {
        let secret = Secret::new(String::from("canary"));
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
    }

    #[test]
    fn a_secret_is_read_from_a_body() {
        let secret: Secret<String> = serde_json::from_str(r#""canary""#).unwrap();
        // EXPOSE: a test compares.
        assert_eq!(secret.expose(String::clone), "canary");
    }

    #[test]
    fn a_secret_is_wiped_when_dropped() {
        use std::cell::Cell;
        use std::rc::Rc;

        struct Probe(Rc<Cell<bool>>);
        impl Zeroize for Probe {
            fn zeroize(&mut self) {
                self.0.set(true);
            }
        }
        let wiped = Rc::new(Cell::new(false));
        drop(Secret::new(Probe(Rc::clone(&wiped))));
        assert!(wiped.get());
    }
}
