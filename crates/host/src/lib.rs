//! What a function gets from its host: the clock, the random source, the AWS configuration, the environment.
//!
//! The one crate in which the operating system's clock, randomness and environment are touched; everything else
//! takes them as parameters. On Lambda the host is the environment; on a laptop it is the local stack.

mod aws;
pub mod clock;
pub mod entropy;
pub mod environment;
pub mod log;

use std::fmt;
use std::sync::Arc;

pub use clock::{Clock, Monotonic, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use environment::{Environment, Missing};

/// The host of one function.
#[derive(Clone)]
pub struct Host {
    /// The wall and monotonic clocks.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// Region, endpoints, credentials and HTTP client for the AWS clients of this function.
    pub aws: aws_types::SdkConfig,
    /// The function's settings, read once at the start.
    pub environment: Environment,
}

impl Host {
    /// The host of a process on Lambda (or under a local Runtime API): system clock, system randomness, the process
    /// environment, and the credentials that the runtime puts there.
    pub async fn of_process() -> Self {
        log::start();
        let environment = Environment::of_process();
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            aws: aws::aws_of(&environment),
            environment,
        }
    }
}
impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host(..)")
    }
}
