using Mainstay.Control.Config;
using Mainstay.Control.Notify;
using Mainstay.Tests.Alerts;

namespace Mainstay.Tests.Notify;

public sealed class OutboxTests : IDisposable
{
    private static readonly IReadOnlyDictionary<string, string?> NoRows = new Dictionary<string, string?>();
    private readonly TestFolder _folder = new();
    private readonly ChannelConfig _channel = AlertHouse.Channel("ops") with { Limit = 1000 };
    private Outbox _outbox;
    private DateTimeOffset _now = Scene.Start;

    public OutboxTests() => _outbox = Open();

    public void Dispose()
    {
        _outbox.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void What_was_saved_is_delivered_by_the_next_process_and_once()
    {
        Save(3);
        Deliver(1);
        Reopen();
        Assert.Equal(["m-1", "m-2"], Deliver(10));
        Reopen();
        Assert.Empty(Deliver(10));
        Assert.Equal(0, Assert.Single(_outbox.Status().Append(new ChannelStatus("none", 0, 0, null, null, null, [])).Take(1)).Waiting);
    }

    [Fact]
    public void Rows_and_messages_stand_on_disk_together()
    {
        Assert.True(_outbox.Save(new Dictionary<string, string?> { ["a"] = "1", ["b"] = "2" }, [Message("m")], _now, out _));
        Assert.True(_outbox.Save(new Dictionary<string, string?> { ["a"] = null, ["b"] = "3" }, [Message("m")], _now, out _));
        _outbox.Dispose();
        using var store = OutboxStore.Open(_folder.Path("alerts.db"), out _);
        Assert.Equal(new Dictionary<string, string> { ["b"] = "3" }, store.ReadKept());
        Assert.Equal("m", Assert.Single(store.ReadMessages()).Message.Id);
    }

    [Fact]
    public void What_is_not_taken_is_tried_again_ever_more_rarely_and_given_up_at_last()
    {
        Save(1);
        var tries = new List<DateTimeOffset>();
        for (var end = _now.AddHours(30); _now < end; _now = _now.AddSeconds(1))
        {
            if (_outbox.Next(_channel, _now) is not { } parcel)
                continue;
            tries.Add(_now);
            _outbox.NoteFailed(_channel, parcel, new DeliveryResult("answered 503"), _now);
        }
        Assert.InRange(tries.Count, 50, 80);
        Assert.InRange((tries[1] - tries[0]).TotalSeconds, 1, 4);
        Assert.InRange((tries[^1] - tries[^2]).TotalMinutes, 24, 37);
        Assert.InRange((tries[^1] - tries[0]).TotalHours, 23, 24.1);
        var status = Assert.Single(_outbox.Status());
        Assert.Equal((0, "answered 503"), (status.Waiting, Assert.Single(status.Failed).Error));
        Reopen();
        Assert.Single(Assert.Single(_outbox.Status()).Failed);
        Assert.Null(_outbox.Next(_channel, _now));
    }

    [Fact]
    public void One_that_is_refused_holds_up_no_other()
    {
        Save(2);
        _outbox.NoteFailed(_channel, _outbox.Next(_channel, _now)!, new DeliveryResult("answered 400", IsRefused: true), _now);
        Assert.Equal(["m-1"], Deliver(10));
        Assert.Equal("m-0", Assert.Single(Assert.Single(_outbox.Status()).Failed).Id);
    }

    [Fact]
    public void A_channel_that_fails_is_left_in_peace_for_as_long_as_it_says()
    {
        Save(2);
        _outbox.NoteFailed(_channel, _outbox.Next(_channel, _now)!, new DeliveryResult("answered 429", RetryAfter: TimeSpan.FromMinutes(7)), _now);
        _now = _now.AddMinutes(6);
        Assert.Null(_outbox.Next(_channel, _now));
        _now = _now.AddMinutes(2);
        Assert.Equal(["m-0", "m-1"], Deliver(10));
    }

    [Fact]
    public void The_end_of_a_trouble_never_goes_out_before_its_begin()
    {
        _outbox.Save(NoRows, [Message("begin") with { Thread = "t" }, Message("end") with { Thread = "t" }, Message("other")], _now, out _);
        for (var i = 0; i < 7; i++)
        {
            var parcel = _outbox.Next(_channel, _now)!;
            Assert.Equal("begin", parcel.Id);
            _outbox.NoteFailed(_channel, parcel, new DeliveryResult("answered 500"), _now);
            _now = _now.AddSeconds(i < 6 ? 180 : 80);
        }
        // Other troubles may pass it; its own end waits.
        Assert.Equal(["other"], Deliver(1));
        Assert.Equal(["begin", "end"], Deliver(10));
    }

    [Fact]
    public void When_a_receiver_is_back_after_an_outage_all_that_waits_is_due()
    {
        Save(10);
        for (var i = 0; i < 9; i++)
        {
            _now = _now.AddMinutes(2);
            _outbox.NoteFailed(_channel, _outbox.Next(_channel, _now)!, new DeliveryResult("answered 500"), _now);
        }
        _now = _now.AddMinutes(2);
        Assert.Equal(10, Deliver(20).Count);
    }

    [Fact]
    public void Beyond_its_limit_a_channel_gets_everything_as_one()
    {
        var slow = _channel with { Limit = 10 / 60.0 };
        Save(100);
        var parcels = new List<Parcel>();
        while (_outbox.Next(slow, _now) is { } parcel)
        {
            parcels.Add(parcel);
            _outbox.NoteDelivered(slow, parcel, _now);
        }
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 1, 91], parcels.Select(p => p.Items.Length));
        Assert.Equal("digest-m-9", parcels[^1].Id);
        Save(5, from: 100);
        Assert.Null(_outbox.Next(slow, _now));
        _now = _now.AddSeconds(6);
        Assert.Equal(5, _outbox.Next(slow, _now)!.Items.Length);
    }

    [Fact]
    public void What_may_have_arrived_alone_goes_alone_again()
    {
        var slow = _channel with { Limit = 10 / 60.0 };
        Save(3);
        _outbox.NoteFailed(slow, _outbox.Next(slow, _now)!, new DeliveryResult("no end within 10 s"), _now);
        var often = slow with { Limit = 1 / 3600.0 };
        _now = _now.AddSeconds(10);
        Assert.Equal("m-0", _outbox.Next(often, _now)!.Id);
    }

    [Fact]
    public void What_goes_out_together_stays_together_in_the_next_process()
    {
        var slow = _channel with { Limit = 1 / 3600.0 };
        Save(5);
        var first = _outbox.Next(slow, _now)!;
        Save(3, from: 5);
        Reopen();
        var again = _outbox.Next(slow, _now)!;
        Assert.Equal((first.Id, 5), (again.Id, again.Items.Length));
        _outbox.NoteDelivered(slow, again, _now);
        _now = _now.AddHours(1);
        Assert.Equal(["m-5", "m-6", "m-7"], _outbox.Next(slow, _now)!.Messages.Select(m => m.Id));
    }

    [Fact]
    public void Without_a_disk_people_are_told_from_memory()
    {
        using var memory = new Outbox(null, 1);
        Assert.True(memory.Save(NoRows, [Message("m")], _now, out _));
        Assert.Equal("m", memory.Next(_channel, _now)!.Id);
    }

    [Fact]
    public void A_disk_that_takes_nothing_keeps_nobody_from_being_told_and_has_all_later()
    {
        using (var writer = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder.Path("alerts.db")};Pooling=False"))
        {
            writer.Open();
            using var transaction = writer.BeginTransaction();
            Assert.False(_outbox.Save(new Dictionary<string, string?> { ["a"] = "1" }, [Message("m-0"), Message("m-1")], _now, out var trouble));
            Assert.Contains("locked", trouble, StringComparison.Ordinal);
            Assert.Equal(["m-0"], Deliver(1));
        }
        Assert.True(_outbox.Save(NoRows, [], _now, out _));
        _outbox.Dispose();
        using (var store = OutboxStore.Open(_folder.Path("alerts.db"), out _))
            Assert.Equal("1", store.ReadKept()["a"]);
        _outbox = Open();
        Assert.Equal(["m-1"], Deliver(10));
    }

    [Fact]
    public void A_file_that_is_no_database_is_kept_aside_and_said()
    {
        _outbox.Dispose();
        File.WriteAllText(_folder.Path("alerts.db"), new string('x', 5000));
        foreach (var rest in new[] { "alerts.db-wal", "alerts.db-shm" })
            File.Delete(_folder.Path(rest));
        using (var store = OutboxStore.Open(_folder.Path("alerts.db"), out var trouble))
            Assert.Contains("alerts.db.unreadable", trouble, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder.Path("alerts.db.unreadable")));
        _outbox = Open();
        Save(1);
        Assert.Equal(["m-0"], Deliver(10));
    }

    [Fact]
    public void What_waits_for_a_channel_that_is_gone_is_given_up_after_a_day()
    {
        Save(2);
        _outbox.GiveUpOrphans(new HashSet<string> { "other" }, _now.AddHours(23));
        Assert.Equal(2, Assert.Single(_outbox.Status()).Waiting);
        _outbox.GiveUpOrphans(new HashSet<string> { "other" }, _now.AddHours(25));
        Assert.Equal((0, 2), (Assert.Single(_outbox.Status()).Waiting, Assert.Single(_outbox.Status()).Failed.Length));
    }

    private static Message Message(string id) => new() { Id = id, Channel = "ops", Kind = MessageKind.Opened, Thread = id, At = Scene.Start, Title = id };

    private void Save(int count, int from = 0) =>
        Assert.True(_outbox.Save(NoRows, [.. Enumerable.Range(from, count).Select(i => Message($"m-{i}"))], _now, out _));

    private List<string> Deliver(int most)
    {
        var delivered = new List<string>();
        while (delivered.Count < most && _outbox.Next(_channel, _now) is { } parcel)
        {
            delivered.Add(parcel.Id);
            _outbox.NoteDelivered(_channel, parcel, _now);
        }
        return delivered;
    }

    private Outbox Open() => new(OutboxStore.Open(_folder.Path("alerts.db"), out _), 1);

    private void Reopen()
    {
        _outbox.Dispose();
        _outbox = Open();
    }
}
