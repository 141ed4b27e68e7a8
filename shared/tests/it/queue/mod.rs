//! The queue engine against the real Postgres (docs/queue.md): what must hold under races, deaths and outages.

mod bare;
mod counts;
mod exclusion;
mod failover;
mod faults;
mod kit;
mod liveness;
mod order;
mod plan;
mod poison;
mod racing;
mod rate;
mod reads;
mod seats;
mod wake;
