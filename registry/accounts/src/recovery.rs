//! Recovery codes: what stands for a second factor that is lost. 80 random bits each, of which only a digest is kept.

use chandlery_package::{Digest, random_bytes};

/// How many an account has.
pub(crate) const CODES: usize = 10;
/// Letters and digits that are not mistaken for each other, 32 of them.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many letters a code has, and after how many there is a dash.
const LETTERS: usize = 16;
const GROUP: usize = 4;

/// A new code, as it is shown.
pub(crate) fn new_code() -> String {
    let mut code = String::new();
    for (place, byte) in random_bytes::<LETTERS>().into_iter().enumerate() {
        if place > 0 && place.is_multiple_of(GROUP) {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    code
}

/// The digest under which a code is kept, however it is written: in capitals, with other dashes, with letters that look alike.
pub(crate) fn digest(code: &str) -> String {
    let plain: String = code
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        })
        .collect();
    Digest::of(plain).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_written() {
        let code = new_code();
        assert_eq!((code.len(), code.matches('-').count()), (LETTERS + 3, 3), "{code}");
        assert_ne!(code, new_code());
        for written in
            [code.to_uppercase(), code.replace('-', ""), format!(" {code}\n"), code.replace('0', "O")]
        {
            assert_eq!(digest(&written), digest(&code), "{written}");
        }
        assert_eq!(digest("Il-oO"), digest("1100"));
        assert_ne!(digest("1100"), digest("1101"));
    }
}
