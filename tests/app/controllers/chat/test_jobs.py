from app.controllers.chat.jobs import Ask, Continue, Edit, JobQueue, Regenerate


def filled() -> JobQueue:
    queue = JobQueue()
    for job in (Ask("a", "one"), Ask("b", "other"), Edit("a", "m", "two"), Regenerate("a", "m"), Continue("b", "m")):
        queue.add(job)
    return queue


def test_jobs_are_taken_in_the_order_they_came() -> None:
    queue = filled()
    assert [queue.take() for _ in range(6)][:2] == [Ask("a", "one"), Ask("b", "other")]
    assert queue.take() is None
    assert len(queue) == 0


def test_a_job_that_was_put_back_is_the_next() -> None:
    queue = filled()
    job = queue.take()
    assert job is not None
    queue.put_back(job)
    assert queue.take() is job


def test_a_place_counts_within_its_conversation() -> None:
    queue = filled()
    assert queue.remove("b", 1) == Continue("b", "m")
    assert queue.remove("a", 3) is None
    assert queue.remove("a", -1) is None
    assert len(queue) == 4


def test_of_two_equal_messages_only_one_is_removed() -> None:
    queue = JobQueue()
    queue.add(Ask("a", "again"))
    queue.add(Ask("a", "again"))
    queue.remove("a", 1)
    assert len(queue) == 1


def test_what_was_written_is_told_and_everything_has_a_label() -> None:
    queue = filled()
    assert queue.texts("a") == ("one", "two")
    assert all(job.label for job in (*queue.of("a"), *queue.of("b")))
    assert queue.conversation_ids() == {"a", "b"}
    queue.remove_all("a")
    assert queue.conversation_ids() == {"b"}
