//! Values that must not be seen: wiped on drop, never printed, never copied by accident.

use std::fmt;

use zeroize::Zeroize;

/// A secret value. Prints `Secret(..)`; has no `Clone`, `PartialEq` or `Serialize`, so it cannot leak through them.
///
/// ```compile_fail
/// let secret = account::Secret::new(String::from("k"));
/// let copy = secret.clone();
/// ```
/// ```
/// let secret = account::Secret::new(String::from("k"));
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
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
