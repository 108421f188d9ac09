//! LG-1, RL-6: whether the time of a refused sign-in tells a known address from an unknown one. 1,000 samples each, taken in
//! turns through the whole router; prints the effect size. Never fails: a busy machine is no evidence.
//!
//! `make bench-timing`.

use serde_json::json;
use tests::world::World;

/// Pairs of samples.
const PAIRS: usize = 1_000;
/// Tries at one address: the hundredth would close its login.
const TRIES_AT_ONE: usize = 95;
/// Cohen's d from which on it is worth a look: 0.2 is called a small effect.
const LOOK_FROM: f64 = 0.2;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Asked for the list of benches by `cargo test`, there is nothing to do.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let world = World::seeded(7);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let nth = pair / TRIES_AT_ONE;
        let owner = format!("owner{nth}@example.org");
        if pair % TRIES_AT_ONE == 0 {
            world.owner(&owner).await;
        }
        // Past the wait that follows a try (RL-2).
        world.clock.advance(11);
        known.push(milliseconds(&world, &owner).await);
        unknown.push(milliseconds(&world, &format!("nobody{nth}@example.org")).await);
    }
    let d = effect_size(&known, &unknown);
    println!("refused sign-ins, {PAIRS} samples each, milliseconds:");
    for (name, samples) in [("known address", &mut known), ("unknown address", &mut unknown)] {
        samples.sort_by(f64::total_cmp);
        println!("  {name:<16} median {:.3}, mean {:.3}", samples[PAIRS / 2], mean(samples));
    }
    println!(
        "  effect size (Cohen's d) {d:+.3}: {}",
        if d.abs() < LOOK_FROM { "none to speak of" } else { "LOOK AT IT" }
    );
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
async fn milliseconds(world: &World, email: &str) -> f64 {
    let stranger = world.stranger(email);
    let form = json!({ "email": email, "password": "a wrong password of good length" });
    let started = std::time::Instant::now();
    let answered = stranger.post("/v1/login", &form).await;
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    assert_eq!(answered.refused(), "sign_in_refused");
    took
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}
fn variance(samples: &[f64]) -> f64 {
    let mean = mean(samples);
    samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (samples.len() - 1) as f64
}
/// The difference of the means over the pooled deviation.
fn effect_size(a: &[f64], b: &[f64]) -> f64 {
    (mean(a) - mean(b)) / f64::midpoint(variance(a), variance(b)).sqrt()
}
