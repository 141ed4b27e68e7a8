//! What a call of work takes from others until its finish is written: a slot of its queue, or a place elsewhere.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit};

/// The seat of one call. Shared between the call, which may leave its slot, and the [`Room`](super::work::Room), which frees
/// whatever is held when the finish is written.
pub(super) struct Seat {
    held: Mutex<Held>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Held {
    /// One slot, or for a suspect all of them.
    slots: Option<OwnedSemaphorePermit>,
    /// For a suspect: the right to be the only one of the process.
    solo: Option<OwnedMutexGuard<()>>,
    /// What was taken in exchange for the slot.
    place: Option<Box<dyn Send>>,
    /// The finish is written: nothing is held any more, and nothing is taken.
    over: bool,
}

impl Seat {
    pub(super) fn new(slots: OwnedSemaphorePermit, solo: Option<OwnedMutexGuard<()>>, freed: Arc<Notify>) -> Self {
        Self { held: Mutex::new(Held { slots: Some(slots), solo, ..Held::default() }), freed }
    }

    /// Exchanges the slot for a place elsewhere.
    pub(super) fn leave(&self, place: Box<dyn Send>) {
        let mut held = self.held.lock();
        if held.over {
            return;
        }
        let left =
            Held { slots: held.slots.take(), solo: held.solo.take(), place: held.place.replace(place), over: true };
        drop(held);
        drop(left);
        self.freed.notify_one();
    }

    pub(super) fn free(&self) {
        let held = std::mem::replace(&mut *self.held.lock(), Held { over: true, ..Held::default() });
        drop(held);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    struct Place(Arc<AtomicBool>);

    impl Drop for Place {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_slot_that_is_left_is_free_at_once_and_the_place_when_the_finish_is_written() {
        let (slots, gone) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicBool::new(false)));
        let freed = Arc::new(Notify::new());
        let permit = Arc::clone(&slots).try_acquire_owned().unwrap();
        let seat = Seat::new(permit, None, Arc::clone(&freed));
        seat.leave(Box::new(Place(Arc::clone(&gone))));
        assert_eq!((slots.available_permits(), gone.load(Ordering::SeqCst)), (1, false));
        seat.free();
        assert!(gone.load(Ordering::SeqCst));
        // Whoever kept the context and leaves after the end keeps nothing from anybody.
        let late = Arc::new(AtomicBool::new(false));
        seat.leave(Box::new(Place(Arc::clone(&late))));
        assert!(late.load(Ordering::SeqCst));
        assert_eq!(slots.available_permits(), 1);
    }
}
