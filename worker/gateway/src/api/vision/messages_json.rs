//! How protobuf's JSON writes bytes and enums, as far as requests have them.

/// Bytes: base64, standard or URL-safe, with or without padding.
pub(super) mod base64_bytes {
    use base64::Engine as _;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer};

    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Bytes, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let is_url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
        let alphabet = if is_url_safe { URL_SAFE } else { STANDARD };
        let engine = GeneralPurpose::new(&alphabet, LENIENT);
        let bytes = engine.decode(text.as_bytes()).map_err(D::Error::custom)?;
        Ok(bytes.into())
    }
}

/// An enum: its number or its name.
pub(super) mod feature_type {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    use crate::api::vision::messages::kinds;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i32),
        Name(String),
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<i32, D::Error> {
        match Written::deserialize(from)? {
            Written::Number(number) => Ok(number),
            Written::Name(name) => {
                let known = kinds::ALL.iter().find(|(known, _)| *known == name);
                let known = known.map(|(_, number)| *number);
                known.ok_or_else(|| D::Error::custom("is no Feature.Type"))
            }
        }
    }
}
