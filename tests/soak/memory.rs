//! A worker's memory: flat over images of mixed sizes, and bounded where a fifth of them are bombs.
//!
//! The backend answers at once, so what is measured is everything but the models. A slice of it runs with the tests;
//! `make soak NAME=memory` runs all.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod shared;

use std::{
    fs,
    io::Cursor,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use spillway_generator::{Format, Style, draw, encode};
use spillway_tests::{Kafka, Origin, Page, Process, Signal, require_program};
use spillway_wire::{ImageSource, Job};

use shared::{Bed, Random, closing, is_whole};

const PARTITIONS: i32 = 4;
/// Different images of each kind.
const IMAGES: u64 = 48;
/// One image in so many is a large photo.
const LARGE_EVERY: usize = 40;
/// Of bombs, one in so many is within the limits of a header: it is decoded, and takes what an image may take.
const HEAVY_EVERY: usize = 50;
/// How much the resident size may differ between an early and a late stretch of a run.
const FLAT: f64 = 0.05;
/// Beyond this share of the images a stretch is early: until then buffers grow to their size.
const WARM: f64 = 0.2;
/// What bombs may add: the pixels that may be decoded at once (100 million) at four bytes, and a quarter more for what the
/// allocator keeps.
const BOMBS_BYTES_MAX: f64 = 1.25 * 400e6;
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
const DONE_MAX: Duration = Duration::from_secs(3_000);
const STOP_MAX: Duration = Duration::from_secs(60);
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// Resident bytes, and how many images were done then.
struct Sample {
    done: usize,
    bytes: f64,
}

/// Resident bytes of a worker and of the processes in which it decodes; what they share counts once.
fn resident_bytes(process: u32) -> f64 {
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
        (parent == process).then_some(id)
    });
    let bytes = std::iter::once(process).chain(children).map(share);
    bytes.sum()
}

/// Resident bytes of a process, its part of what others have too; a process that has ended holds nothing.
fn share(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0
}

/// Where images of mixed sizes and formats are, the last ones large.
fn images(origin: &Origin) -> (Vec<String>, Vec<String>) {
    let put = |name: String, kind: &str, bytes: Vec<u8>| origin.put(&name, Page::new(kind, bytes));
    let small = (0..IMAGES).map(|index| {
        let drawn = draw(Style::Mixed, 3, index);
        let bytes = encode(&drawn.pixels, Format::mixed(3, index));
        put(format!("/{index}"), "application/octet-stream", bytes)
    });
    let large = (0..4).map(|index| {
        let drawn = draw(Style::Mixed, 4, index);
        let side = 2_000 + 500 * index as u32;
        let filter = image::imageops::FilterType::Nearest;
        let pixels = image::imageops::resize(&drawn.pixels, side, side * 3 / 4, filter);
        let bytes = encode(&pixels, Format::Jpeg { quality: 80 });
        put(format!("/large-{index}"), "image/jpeg", bytes)
    });
    (small.collect(), large.collect())
}

/// Bombs: one that is decoded, and some whose header is enough.
fn bombs() -> (Vec<u8>, Vec<Vec<u8>>) {
    let flat = image::RgbImage::from_pixel(7_000, 7_000, image::Rgb([90, 90, 90]));
    let mut file = Cursor::new(Vec::new());
    flat.write_to(&mut file, image::ImageFormat::Png).unwrap();
    let heavy = file.into_inner();
    let with_size = |width: u32, height: u32| {
        let mut bytes = heavy[..2_000].to_vec();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        bytes
    };
    let light = [
        (60_000, 60_000),
        (7_100, 7_100),
        (16_000, 3_000),
        (u32::MAX, 1),
    ];
    let light = light.map(|(width, height)| with_size(width, height));
    (heavy, light.to_vec())
}

/// Sends jobs, and follows the worker's memory until all are done.
fn run(
    bed: &Bed,
    worker: &mut Process,
    count: usize,
    mut next: impl FnMut(usize) -> ImageSource,
) -> Vec<Sample> {
    let producer: ThreadedProducer<DefaultProducerContext> = bed
        .kafka
        .client()
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .create()
        .unwrap();
    let consumer: BaseConsumer = bed.kafka.client().create().unwrap();
    let results = || -> usize {
        let end = |partition| {
            consumer
                .fetch_watermarks(bed.results.name(), partition, REQUEST_MAX)
                .unwrap()
                .1
        };
        usize::try_from(end(0) + end(1)).unwrap()
    };
    let before = results();
    let (mut sent, mut samples) = (0, Vec::new());
    let until = Instant::now() + DONE_MAX;
    loop {
        let done = results() - before;
        // Never so many that the topic holds what the machine's memory would.
        while sent < count && sent < done + 2_000 {
            let now = jiff::Timestamp::now().as_millisecond();
            let id = format!("{before}-{sent}");
            let value = Job::new(&id, now, next(sent)).encode();
            let mut record = BaseRecord::<str, [u8]>::to(bed.jobs.name())
                .key(&id)
                .payload(&value);
            while let Err((error, same)) = producer.send(record) {
                assert_eq!(
                    error,
                    KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
                );
                record = same;
                thread::sleep(Duration::from_millis(10));
            }
            sent += 1;
        }
        assert!(worker.is_running(), "the worker ended:\n{}", worker.log());
        let bytes = resident_bytes(worker.id());
        assert!(bytes > 0.0, "the worker's memory cannot be read");
        samples.push(Sample { done, bytes });
        if done >= count {
            producer.flush(REQUEST_MAX).unwrap();
            return samples;
        }
        assert!(Instant::now() < until, "{done} of {count} are done");
        thread::sleep(SAMPLE_EVERY);
    }
}

/// Mean resident bytes between two shares of the images.
fn mean(samples: &[Sample], count: usize, from: f64, to: f64) -> f64 {
    let within = samples.iter().filter(|sample| {
        let share = sample.done as f64 / count as f64;
        (from..=to).contains(&share)
    });
    let bytes: Vec<f64> = within.map(|sample| sample.bytes).collect();
    assert!(!bytes.is_empty(), "no sample between {from} and {to}");
    bytes.iter().sum::<f64>() / bytes.len() as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn memory_is_flat_and_bombs_raise_it_within_their_bound() {
    let Some(mut command) = require_program("spillway-worker") else {
        return;
    };
    let Ok(kafka) = Kafka::start() else {
        eprintln!("skipped: there is no Apache Kafka");
        return;
    };
    let (mut random, seed) = Random::seeded();
    let bed = Bed::new(kafka, PARTITIONS).await;
    let origin = Origin::start().unwrap();
    let (small, large) = images(&origin);
    let (heavy, light) = bombs();
    let heavy = origin.put("/heavy", Page::new("image/png", heavy));
    command
        .args(bed.arguments("w1"))
        .args(["--allow-origin", &origin.address().to_string()]);
    let mut worker = Process::spawn("w1", command).unwrap();
    // In the slice a worker is still growing to its size.
    let (count, bombs, warm) = match is_whole() {
        true => (200_000, 20_000, WARM),
        false => (2_000, 250, 0.5),
    };

    let mut image = |number: usize| {
        let of = if number.is_multiple_of(LARGE_EVERY) {
            &large
        } else {
            &small
        };
        ImageSource::Uri(of[random.below(of.len())].clone())
    };
    let samples = run(&bed, &mut worker, count, &mut image);
    let early = mean(&samples, count, warm, (1.0 + warm) / 2.0);
    let late = mean(&samples, count, (1.0 + warm) / 2.0, 1.0);
    let most = run(&bed, &mut worker, bombs, |number| match number % 5 {
        0 if number / 5 % HEAVY_EVERY == 0 => ImageSource::Uri(heavy.clone()),
        0 => ImageSource::Inline(light[number / 5 % light.len()].clone()),
        _ => image(number),
    });
    let most = most.iter().map(|sample| sample.bytes).fold(0.0, f64::max);
    worker.signal(Signal::Term);
    assert!(worker.wait(STOP_MAX).success(), "seed {seed}");

    let megabytes = |bytes: f64| bytes / 1e6;
    closing(format_args!(
        "{count} images of mixed sizes: {:.1} MB early, {:.1} MB late ({:+.1} %); {bombs} more, a fifth bombs: {:.1} MB at \
         most, {:.1} MB more (bound {:.0} MB); seed {seed}",
        megabytes(early),
        megabytes(late),
        (late / early - 1.0) * 100.0,
        megabytes(most),
        megabytes(most - late),
        megabytes(BOMBS_BYTES_MAX),
    ));
    // The slice ends before it is known to be flat.
    let flat = if is_whole() { FLAT } else { 4.0 * FLAT };
    assert!(
        (late / early - 1.0).abs() <= flat,
        "seed {seed}: {early} bytes early, {late} late"
    );
    assert!(
        most - late <= BOMBS_BYTES_MAX,
        "seed {seed}: bombs took {}",
        most - late
    );
}
