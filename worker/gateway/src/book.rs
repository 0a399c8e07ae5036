//! Who waits for which job on this replica. Bounded; what does not fit is refused before it is accepted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spillway_wire::JobResult;
use tokio::sync::mpsc;

use crate::answer::SUBSETS_MAX;
use crate::ids::Handle;

/// Most requests that wait at once.
pub(crate) const WAITING_MAX: usize = 20_000;

/// What a waiting request is told.
#[derive(Debug)]
pub(crate) enum News {
    /// A result of its image of that number.
    Result(usize, Box<JobResult>),
    /// The partition that its answers come on went to another replica: they will be in the store.
    Moved,
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Book {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    by_handle: HashMap<String, Vec<Place>>,
    count: usize,
}

#[derive(Debug)]
struct Place {
    number: u64,
    /// Where its answers come; none where another replica asked.
    partition: Option<i32>,
    news: mpsc::Sender<News>,
}

/// A place in the book; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    book: Arc<Book>,
    handle: String,
    number: u64,
    news: mpsc::Receiver<News>,
}

// === impl Book ===

impl Book {
    /// Begins to wait for a job; none if there is no place left.
    ///
    /// To be called before the job is sent, or its answer could come first.
    pub(crate) fn seat(self: &Arc<Self>, handle: &Handle, partition: Option<i32>) -> Option<Seat> {
        let mut places = self.places();
        if places.count >= WAITING_MAX {
            return None;
        }
        // A seat's news: a result per image and subset, and one move.
        let (sender, news) = mpsc::channel(handle.images * SUBSETS_MAX + 1);
        let number = places.next;
        places.next += 1;
        places.count += 1;
        let place = Place {
            number,
            partition,
            news: sender,
        };
        let of_job = places.by_handle.entry(handle.as_str().to_owned());
        of_job.or_default().push(place);
        drop(places);
        Some(Seat {
            book: self.clone(),
            handle: handle.as_str().to_owned(),
            number,
            news,
        })
    }

    /// Hands a result to whoever waits for it.
    pub(crate) fn deliver(&self, handle: &str, image: usize, result: &JobResult) {
        let places = self.places();
        for place in places.by_handle.get(handle).into_iter().flatten() {
            // A full channel holds more results than there can be: what is beyond is in the store.
            let news = News::Result(image, Box::new(result.clone()));
            let _ = place.news.try_send(news);
        }
    }

    /// Tells whoever waits for answers on partitions that went away.
    pub(crate) fn moved(&self, partitions: &[i32]) {
        let places = self.places();
        for place in places.by_handle.values().flatten() {
            if place.partition.is_some_and(|it| partitions.contains(&it)) {
                let _ = place.news.try_send(News::Moved);
            }
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.places().count
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Seat ===

impl Seat {
    /// The next news.
    pub(crate) async fn news(&mut self) -> News {
        // The sender lives in the book as long as the seat does.
        self.news.recv().await.unwrap_or(News::Moved)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut places = self.book.places();
        places.count -= 1;
        let Some(of_job) = places.by_handle.get_mut(&self.handle) else {
            return;
        };
        of_job.retain(|place| place.number != self.number);
        if of_job.is_empty() {
            places.by_handle.remove(&self.handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::Outcome;

    use super::*;
    use crate::answer::tests::result;
    use crate::ids::{Ids, Wants};

    #[tokio::test]
    async fn whoever_waits_hears_of_results_and_moves() {
        let book = Arc::new(Book::default());
        let handle = Ids::new(b"s").job("acme", 1, Wants::default(), 2);
        let mut one = book.seat(&handle, Some(4)).unwrap();
        let mut two = book.seat(&handle, None).unwrap();
        let result = result(&handle.job_id(1), "humans", Outcome::Success);
        book.deliver(handle.as_str(), 1, &result);
        book.deliver("someone else's", 0, &result);
        for seat in [&mut one, &mut two] {
            let News::Result(1, got) = seat.news().await else {
                panic!("a result of image 1");
            };
            assert_eq!(*got, result);
        }
        book.moved(&[4]);
        assert!(matches!(one.news().await, News::Moved));
        drop(one);
        assert_eq!(book.waiting(), 1);
        drop(two);
        assert_eq!(book.waiting(), 0);
        assert!(book.places().by_handle.is_empty(), "nothing is left behind");
    }

    #[test]
    fn the_book_is_bounded() {
        let book = Arc::new(Book::default());
        let handle = Ids::new(b"s").job("acme", 1, Wants::default(), 1);
        let seats: Vec<Seat> = (0..WAITING_MAX)
            .map(|_| book.seat(&handle, None).unwrap())
            .collect();
        assert!(book.seat(&handle, None).is_none());
        drop(seats);
        assert!(book.seat(&handle, None).is_some());
    }
}
