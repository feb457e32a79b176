//! The public keys of an issuer (RFC 7517), and whether one of them has signed a token.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::oidc::{Algorithm, Unverified};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// How many keys of an issuer are looked at.
const KEYS_MAX: usize = 100;

/// A public key of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jwk {
    /// What tokens call it.
    pub(super) id: String,
    material: Material,
}

/// What a key is made of, which says by which one algorithm it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256 { point: Vec<u8> },
    Ed25519 { point: Vec<u8> },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that may sign tokens here; others are left out.
pub(super) fn read(set: &[u8]) -> Result<Vec<Jwk>, String> {
    let Set { keys } =
        serde_json::from_slice(set).map_err(|error| format!("its keys cannot be read: {error}"))?;
    Ok(keys.iter().take(KEYS_MAX).filter_map(Jwk::read).collect())
}

impl Jwk {
    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key[name].as_str();
        let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        let coordinate = |name: &str| bytes(name).filter(|bytes| bytes.len() == 32);
        let is_for = |algorithm: Algorithm| text("alg").is_none_or(|named| named == algorithm.as_str());
        if text("use").is_some_and(|named| named != "sig") {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) if is_for(Algorithm::Rs256) => {
                Material::Rsa { modulus: without_zeros(bytes("n")?), exponent: without_zeros(bytes("e")?) }
            }
            ("EC", Some("P-256")) if is_for(Algorithm::Es256) => {
                // Uncompressed, as SEC 1 has it.
                Material::P256 { point: [vec![4], coordinate("x")?, coordinate("y")?].concat() }
            }
            ("OKP", Some("Ed25519")) if is_for(Algorithm::EdDsa) => {
                Material::Ed25519 { point: coordinate("x")? }
            }
            _ => return None,
        };
        Some(Self { id: text("kid")?.to_owned(), material })
    }

    /// Whether it has signed a token, by the one algorithm that it is for.
    pub(super) fn has_signed(&self, token: &Unverified<'_>) -> bool {
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        let checked = match (&self.material, token.algorithm) {
            (Material::Rsa { modulus, exponent }, Algorithm::Rs256) => {
                RsaPublicKeyComponents { n: modulus.as_slice(), e: exponent.as_slice() }.verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    message,
                    signature,
                )
            }
            (Material::P256 { point }, Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Material::Ed25519 { point }, Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            _ => return false,
        };
        checked.is_ok()
    }
}

fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    fn base64(bytes: impl AsRef<[u8]>) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token(algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let header = json!({ "alg": algorithm, "kid": "1" }).to_string();
        let signed = format!("{}.{}", base64(header), base64(r#"{"sub":"a"}"#));
        format!("{signed}.{}", base64(sign(signed.as_bytes())))
    }

    fn one(key: &Value) -> Jwk {
        read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn a_key_signs_by_its_own_algorithm_and_nothing_else() {
        let random = SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let edwards = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let p256 =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = p256.public_key().as_ref().to_vec();
        let [x, y] = [&point[1..33], &point[33..]].map(base64);
        let of_p256 = json!({ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y });
        let of_edwards = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "x": base64(edwards.public_key()) });
        let by_p256 = token("ES256", |text| p256.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec());
        let by_edwards = token("EdDSA", |text| edwards.sign(text).as_ref().to_vec());
        let misnamed = token("ES256", |text| edwards.sign(text).as_ref().to_vec());
        for (key, token, holds) in [
            (&of_p256, &by_p256, true),
            (&of_edwards, &by_edwards, true),
            (&of_p256, &by_edwards, false),
            (&of_edwards, &by_p256, false),
            (&of_edwards, &misnamed, false),
        ] {
            assert_eq!(one(key).has_signed(&Unverified::parse(token).unwrap()), holds, "{key} {token}");
        }
        let changed = by_edwards.replacen(&base64(r#"{"sub":"a"}"#), &base64(r#"{"sub":"b"}"#), 1);
        assert!(!one(&of_edwards).has_signed(&Unverified::parse(&changed).unwrap()));
    }

    /// RFC 7515, A.2: a key of RSA, and what it has signed. Its header names no key, so that the vector is read by its parts.
    #[test]
    fn a_signature_of_rsa_that_another_implementation_made_holds() {
        let key = one(&json!({
            "kty": "RSA", "kid": "1", "e": "AQAB",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR\
                  T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS\
                  -UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2et\
                  hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        }));
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF\
             9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_\
             dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igc\
             N_IoypGlUPQGe77Rw";
        let signed = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mut token = Unverified {
            algorithm: Algorithm::Rs256,
            key: "1".into(),
            claims: chandlery_package::oidc::Unique::default(),
            signed,
            signature: BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(),
        };
        assert!(key.has_signed(&token));
        token.signature[10] ^= 1;
        assert!(!key.has_signed(&token));
    }

    #[test]
    fn keys_that_sign_no_tokens_are_left_out() {
        let point = base64([1; 32]);
        for key in [
            json!({ "kty": "oct", "kid": "1", "k": point }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": point }),
            json!({ "kty": "OKP", "crv": "X25519", "kid": "1", "x": point }),
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "use": "enc", "x": point }),
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "HS256", "x": point }),
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": base64([1; 31]) }),
            json!({ "kty": "EC", "crv": "P-384", "kid": "1", "x": point, "y": point }),
            json!({ "kty": "RSA", "kid": "1", "alg": "RS512", "n": point, "e": "AQAB" }),
            json!("key"),
            json!(null),
        ] {
            let set = json!({ "keys": [key] }).to_string();
            assert_eq!(read(set.as_bytes()), Ok(Vec::new()), "{key}");
        }
        assert!(read(b"{}").is_err() && read(b"[").is_err());
        // A modulus of 256 bits is no key that anybody should believe.
        let small = one(&json!({ "kty": "RSA", "kid": "1", "n": point, "e": "AQAB" }));
        let token = token("RS256", |_| vec![0; 32]);
        assert!(!small.has_signed(&Unverified::parse(&token).unwrap()));
    }
}
