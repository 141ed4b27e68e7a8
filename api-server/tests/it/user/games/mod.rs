//! Running games: `/api/v1/user/games`, through to the engine.

pub mod engine_answers;
pub mod play;
