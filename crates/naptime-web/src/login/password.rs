//! Whether somebody knows the password.
//!
//! Argon2id decides, and makes the key of sessions from password and salt. It takes 19 MiB and some 20 ms, so if every
//! guess got there, guesses from many addresses would take the processor from calls, and would keep who knows the password
//! waiting. A guess is therefore first held against 16 bits of a hash under a key that this process alone has: all but
//! one wrong guess in 65,536 end there, and the right one never does.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use naptime_store::sessions::Salt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::Secret;

/// What OWASP advises for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most guesses that argon2id is at work on, so that its memory is bounded. Others wait for their turn.
const MAX_AT_ONCE: usize = 1;

/// What follows from a password and a salt.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

/// The password, as it is checked.
pub(super) struct Password {
    salt: Salt,
    key: Key,
    sieve: Sieve,
    permits: Arc<Semaphore>,
}

impl Password {
    pub(super) async fn new(password: &Secret, salt: Salt) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_AT_ONCE));
        let key = derive(&permits, salt, password.bytes()).await;
        Self { salt, key, sieve: Sieve::new(password.bytes()), permits }
    }

    /// Whether a guess is worth asking [`Password::is`]. It costs next to nothing, and says no only if the guess is wrong.
    pub(super) fn may_be(&self, guess: &[u8]) -> bool {
        self.sieve.passes(guess)
    }

    /// Whether a guess is the password.
    pub(super) async fn is(&self, guess: &[u8]) -> bool {
        derive(&self.permits, self.salt, guess).await.0.ct_eq(&self.key.0).into()
    }

    /// The key that nobody has who knows neither the password nor this process.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

impl Key {
    /// A hash that cannot be made or checked without the key, of what is as long each time.
    pub(super) fn hash(&self, secret: &[u8; 64]) -> [u8; 32] {
        Sha256::new().chain_update(self.0).chain_update(secret).finalize().into()
    }
}

/// A few bits of the password, by a hash that no other process computes.
struct Sieve {
    seed: [u8; 32],
    bits: [u8; 2],
}

impl Sieve {
    fn new(password: &[u8]) -> Self {
        let seed = rand::random();
        Self { seed, bits: Self::bits(&seed, password) }
    }

    fn passes(&self, guess: &[u8]) -> bool {
        Self::bits(&self.seed, guess).ct_eq(&self.bits).into()
    }

    fn bits(seed: &[u8; 32], text: &[u8]) -> [u8; 2] {
        let hash: [u8; 32] = Sha256::new().chain_update(seed).chain_update(text).finalize().into();
        [hash[0], hash[1]]
    }
}

/// Runs argon2id away from the runtime's threads.
async fn derive(permits: &Arc<Semaphore>, salt: Salt, password: &[u8]) -> Key {
    let permit = Arc::clone(permits).acquire_owned().await.expect("nobody closes the semaphore");
    let password = password.to_owned();
    let derive = move || {
        // Moved in, so that it is held for as long as the memory is, even if nobody waits for the key any more.
        let _permit = permit;
        let mut key = [0; 32];
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(key.len())).expect("these are within argon2's bounds");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password_into(&password, &salt, &mut key)
            .expect("no request is as long as argon2's bound of 4 GiB");
        Key(key)
    };
    tokio::task::spawn_blocking(derive).await.expect("it does not panic, and nobody aborts it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_is_the_password() {
        let password = Password::new(&Secret::new("open sesame, please"), [1; 16]).await;
        assert!(password.may_be(b"open sesame, please") && password.is(b"open sesame, please").await);
        // Also what the sieve lets pass is checked.
        for guess in ["", "open sesame, pleas", "open sesame, please ", "Open sesame, please"] {
            assert!(!password.is(guess.as_bytes()).await, "{guess:?}");
        }
        let passed = (0..20_000_u32).filter(|n| password.may_be(format!("guess {n}").as_bytes())).count();
        // Eight would be as likely as one in ten million.
        assert!(passed < 8, "{passed} of 20,000 wrong guesses reach argon2id");
    }

    #[tokio::test]
    async fn another_salt_or_password_is_another_key() {
        let hash = async |password: &str, salt: u8| {
            Password::new(&Secret::new(password), [salt; 16]).await.key().hash(&[b'x'; 64])
        };
        let first = hash("a", 1).await;
        assert_eq!(first, hash("a", 1).await, "every process of a deployment has the same");
        assert_ne!(first, hash("a", 2).await);
        assert_ne!(first, hash("b", 1).await);
    }
}
