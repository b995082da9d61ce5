//! Which server a request goes to.

use std::time::Instant;

use super::endpoint::EndpointState;

/// The index of the server to ask now; none where the request has to wait.
///
/// A dialogue stays at its `home`, where its earlier turns are in the cache, unless that one rests. `failed_at` has
/// just failed the request: it is asked again only if no other is well. A server that `is_able` denies is passed over.
pub(super) fn choose(
    servers: &[EndpointState],
    home: Option<usize>,
    failed_at: Option<usize>,
    is_able: impl Fn(usize) -> bool,
    now: Instant,
) -> Option<usize> {
    let is_able = &is_able;
    let home = home.filter(|home| failed_at != Some(*home) && is_able(*home));
    if let Some(home) = home
        && let Some(server) = servers.get(home).filter(|server| !server.is_resting())
    {
        return server.can_take(now).then_some(home);
    }
    let able = || servers.iter().enumerate().filter(move |(index, _)| is_able(*index));
    let another = able().any(|(index, server)| failed_at != Some(index) && !server.is_resting());
    let open = able().filter(|(index, server)| server.can_take(now) && !(another && failed_at == Some(*index)));
    // One that rests gets a request only to find out how it is, which wants the first request that comes.
    let order = |server: &EndpointState| (!server.is_resting(), server.load(), server.calls());
    open.min_by(|(_, one), (_, other)| {
        let ((one_well, one_load, one_calls), (other_well, other_load, other_calls)) = (order(one), order(other));
        one_well.cmp(&other_well).then(one_load.total_cmp(&other_load)).then(one_calls.cmp(&other_calls))
    })
    .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::generate::http::failure::{Failure, FailureKind};
    use crate::generate::http::options::Pace;

    fn servers(now: Instant, count: usize) -> Vec<EndpointState> {
        let well = |index: usize| {
            let mut state = EndpointState::new(&format!("http://h{index}/v1"), Some(8), &Pace::default());
            state.looked(now, Ok(()));
            state
        };
        (0..count).map(well).collect()
    }

    fn all(_: usize) -> bool {
        true
    }

    fn tire(server: &mut EndpointState, now: Instant) {
        for _ in 0..5 {
            let ticket = server.begin(now);
            server.failed(ticket, now, &Failure::new(FailureKind::Broken, "x"));
        }
    }

    #[test]
    fn new_dialogues_spread_over_all() {
        let now = Instant::now();
        let mut servers = servers(now, 3);
        let mut chosen = Vec::new();
        while let Some(index) = choose(&servers, None, None, all, now) {
            servers[index].begin(now);
            chosen.push(index);
        }
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_dialogue_stays_and_waits_for_its_server() {
        let now = Instant::now();
        let mut servers = servers(now, 2);
        for _ in 0..3 {
            servers[1].begin(now);
        }
        assert_eq!(choose(&servers, Some(1), None, all, now), Some(1));
        servers[1].begin(now);
        assert_eq!(choose(&servers, Some(1), None, all, now), None, "it waits rather than lose the cache");
        assert_eq!(choose(&servers, Some(1), Some(1), all, now), Some(0), "but not for one that failed it");
        assert_eq!(choose(&servers, Some(7), None, all, now), Some(0));
    }

    #[test]
    fn a_sick_server_loses_its_dialogues() {
        let now = Instant::now();
        let mut servers = servers(now, 2);
        tire(&mut servers[0], now);
        assert_eq!(choose(&servers, Some(0), None, all, now), Some(1));
        tire(&mut servers[1], now);
        assert_eq!(choose(&servers, Some(0), None, all, now), None);
        let later = now + Duration::from_secs(2);
        assert_eq!(choose(&servers, Some(0), None, all, later), Some(0), "somebody has to find out");
    }

    #[test]
    fn one_that_failed_is_asked_again_only_where_no_other_is_well() {
        let now = Instant::now();
        let mut one = servers(now, 1);
        assert_eq!(choose(&one, None, Some(0), all, now), Some(0));
        one.extend(servers(now, 1));
        assert_eq!(choose(&one, Some(0), Some(0), all, now), Some(1));
        for _ in 0..4 {
            one[1].begin(now);
        }
        assert_eq!(choose(&one, Some(0), Some(0), all, now), None, "the other one is well and has no room");
        tire(&mut one[1], now);
        assert_eq!(choose(&one, Some(0), Some(0), all, now), Some(0));
    }

    #[test]
    fn one_that_is_not_able_is_passed_over() {
        let now = Instant::now();
        let mut servers = servers(now, 3);
        let is_able = |index| index == 1;
        assert_eq!(choose(&servers, None, None, is_able, now), Some(1));
        assert_eq!(choose(&servers, Some(0), None, is_able, now), Some(1), "even at the dialogue's home");
        assert_eq!(choose(&servers, None, Some(1), is_able, now), Some(1), "nobody else is able");
        assert_eq!(choose(&servers, None, None, |_| false, now), None);
        for _ in 0..4 {
            servers[1].begin(now);
        }
        assert_eq!(choose(&servers, None, None, is_able, now), None, "it waits for room");
    }
}
