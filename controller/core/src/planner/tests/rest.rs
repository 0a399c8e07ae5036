//! What holds under every constant load.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A load that the base can do makes plans empty, and they stay so.
    #[test]
    fn a_constant_load_comes_to_rest(jobs in 0u64..3_000, arriving in 0u64..14) {
        let mut world = World::begin(policy());
        world.arrived += jobs;
        world.arriving = arriving;
        world.run(900);
        for _ in 0..120 {
            world.tick();
            prop_assert_eq!(&world.last.as_ref().unwrap().actions, &vec![]);
        }
    }

    /// A load that takes a part of a machine more than there is may come and go with it, but not every few seconds.
    #[test]
    fn a_constant_burst_does_not_flap(arriving in 17u64..48) {
        let mut world = World::begin(policy());
        world.arriving = arriving;
        world.run(300);
        let before = world.launched_ever;
        world.run(900);
        let launches = world.launched_ever - before;
        prop_assert!(launches <= 20, "{launches} launches in ten deadlines");
    }
}
