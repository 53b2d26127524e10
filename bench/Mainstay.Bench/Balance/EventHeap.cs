namespace Mainstay.Bench.Balance;

/// <summary>What happens at a time of the simulation.</summary>
internal enum EventKind
{
    Completed,
    SpeedChanged,
    ProbeAnswered,
}

/// <param name="At">Seconds.</param>
/// <param name="Kind">What happens.</param>
/// <param name="Server">Where.</param>
/// <param name="Detail">A completion: the plan it belongs to; a probe: the gateway that asked.</param>
internal readonly record struct Event(double At, EventKind Kind, int Server, int Detail);

/// <summary>The events to come, the earliest first: a heap with four children a node, in one array.</summary>
internal sealed class EventHeap
{
    private Event[] _items = new Event[256];
    private int _count;

    public double NextAt => _count == 0 ? double.PositiveInfinity : _items[0].At;

    public void Add(Event item)
    {
        if (_count == _items.Length)
            Array.Resize(ref _items, _count * 2);
        var at = _count++;
        while (at > 0)
        {
            var parent = (at - 1) >> 2;
            if (_items[parent].At <= item.At)
                break;
            _items[at] = _items[parent];
            at = parent;
        }
        _items[at] = item;
    }

    public Event Take()
    {
        var first = _items[0];
        var last = _items[--_count];
        var at = 0;
        while (true)
        {
            var child = (at << 2) + 1;
            if (child >= _count)
                break;
            var least = child;
            for (var i = child + 1; i < Math.Min(child + 4, _count); i++)
                if (_items[i].At < _items[least].At)
                    least = i;
            if (_items[least].At >= last.At)
                break;
            _items[at] = _items[least];
            at = least;
        }
        _items[at] = last;
        return first;
    }
}
